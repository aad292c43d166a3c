"""What a person sees: the steps of a sign-in, the consent question, errors. Everything works without scripts.

Sources: OAuth 2.0 Form Post Response Mode; Microsoft "Authorization code flow" (error pages).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from partnerauth.cloud import Dialect
from partnerauth.emulator.entra.html import Html, fill, joined, page
from partnerauth.emulator.entra.permissions import NAMES
from partnerauth.emulator.entra.redirects import source
from partnerauth.emulator.entra.refuse import Denied
from partnerauth.emulator.entra.turn import Later, Turn
from partnerauth.messages import Response
from partnerauth.oauth.refusals import REFUSALS

BRAND = Html('<p class="brand">Sign-in</p>\n')
HIDDEN = '<input type="hidden" name="{name}" value="{value}">\n'
FORM = """<form method="post" action="{action}" autocomplete="off">
<input type="hidden" name="flow" value="{flow}">
<input type="hidden" name="step" value="{step}">
{fields}<div class="actions">{actions}</div>
</form>
"""
NEXT = Html('<button type="submit">Next</button>')
WRONG = '<p class="wrong" id="wrong" role="alert">{text}</p>\n'
ACCOUNT = """<h1>Sign in</h1>
<p>to continue to {app}</p>
{wrong}{form}"""
ACCOUNT_FIELDS = """<label for="login">Email or user name</label>
<input type="text" id="login" name="login" value="{hint}" autocomplete="username"
 autocapitalize="none" spellcheck="false" required autofocus>
"""
PASSWORD = """<p class="who">{upn}</p>
<h1>Enter password</h1>
{wrong}{form}"""  # noqa: S105  # a page
USERNAME = '<input type="text" name="login" value="{upn}" autocomplete="username" readonly hidden>\n'
"""Tells a password manager whose password it is (Chromium, "Create amazing password forms")."""
PASSWORD_FIELDS = """{username}<label for="passwd">Password</label>
<input type="password" id="passwd" name="passwd" autocomplete="current-password" required autofocus>
"""  # noqa: S105  # a part of it
PASSWORD_ACTIONS = Html(
    '<button type="submit" name="choice" value="sign_in">Sign in</button>'
    '<button type="submit" class="second" name="choice" value="other" formnovalidate>Use another account</button>'
)
CODE = """<p class="who">{upn}</p>
<h1>Enter code</h1>
<p>Enter the code that your authenticator app shows.</p>
{wrong}{form}"""
CODE_FIELDS = Html("""<label for="otc">Code</label>
<input type="text" id="otc" name="otc" inputmode="numeric" autocomplete="one-time-code" maxlength="9"
 required autofocus>
""")
VERIFY = Html('<button type="submit">Verify</button>')
CHANGE = """<p class="who">{upn}</p>
<h1>Update your password</h1>
<p>This is the first time you sign in, or your password has expired: choose a new one.</p>
{wrong}{form}"""
CHANGE_FIELDS = """{username}<label for="newpasswd">New password</label>
<input type="password" id="newpasswd" name="newpasswd" autocomplete="new-password" required autofocus>
<label for="confirmpasswd">Confirm password</label>
<input type="password" id="confirmpasswd" name="confirmpasswd" autocomplete="new-password" required>
"""
CHOOSE = """<h1>Pick an account</h1>
<p>to continue to {app}</p>
{form}"""
CHOICES = """<button type="submit" class="second wide" name="choice" value="same">{upn}</button>
<button type="submit" class="second wide" name="choice" value="other">Use another account</button>"""
CONSENT = """<p class="who">{upn}</p>
<h1>Permissions requested</h1>
<p><strong>{app}</strong> would like to:</p>
<ul>
{permissions}</ul>
<p class="soft">Accepting these permissions means that you allow this application to use your data.
Application ID: {id}</p>
{form}"""
FOR_ALL = Html("""<div class="check"><input type="checkbox" id="for_all" name="for_all" value="1">
<label for="for_all">Consent on behalf of your organization</label></div>
""")
CONSENT_ACTIONS = Html(
    '<button type="submit" name="choice" value="accept">Accept</button>'
    '<button type="submit" class="second" name="choice" value="cancel">Cancel</button>'
)
ERROR = """<h1>Sorry, but we're having trouble signing you in.</h1>
<p>AADSTS{code}: {text}</p>
<h2 class="soft">Troubleshooting details</h2>
<dl class="soft">
<dt>Request Id</dt><dd>{trace}</dd>
<dt>Correlation Id</dt><dd>{correlation}</dd>
<dt>Timestamp</dt><dd>{timestamp}</dd>
<dt>Message</dt><dd>AADSTS{code}: {text}</dd>
</dl>
"""
EXPLAINED = """<h1>AADSTS{code}</h1>
<p>{cause}</p>
<p><strong>Remedy:</strong> {remedy}</p>
"""
MESSAGE = """<h1>{title}</h1>
<p>{text}</p>
"""
SHOWN = """<h1>You have signed in</h1>
<p>Copy this and paste it where you were asked for it. It is secret, and it ends in ten minutes.</p>
<label for="response">Response</label>
<textarea id="response" name="response" readonly spellcheck="false">{text}</textarea>
"""
WORKING = """<form method="POST" name="hiddenform" action="{action}">
{fields}<noscript>
<p>Script is disabled. Click Submit to continue.</p>
<button type="submit">Submit</button>
</noscript>
</form>
"""
DEVICE = """<h1>Enter code</h1>
<p>Enter the code displayed on your app or device.</p>
{wrong}<form method="post" action="{action}" autocomplete="off">
<label for="otc">Code</label>
<input type="text" id="otc" name="otc" value="{given}" autocapitalize="characters" spellcheck="false"
 required autofocus>
<div class="actions"><button type="submit">Next</button></div>
</form>
"""


class Step:
    """The pages of one visit: each is a form that leads to the next step."""

    def __init__(self, turn: Turn, flow: str, segment: str, redirect: str, app: str, upn: str = "") -> None:
        self._action = f"{turn.base}/{segment}/login"
        self._flow = flow
        self._targets = f"'self' {source(redirect)}".strip()
        self._app = app
        self._upn = upn

    def account(self, hint: str, wrong: str = "") -> Response:
        """Who is it?"""
        fields = fill(ACCOUNT_FIELDS, hint=hint)
        return self._page("Sign in to your account", ACCOUNT, "account", fields, NEXT, wrong)

    def password(self, wrong: str = "") -> Response:
        """The password of that person."""
        fields = fill(PASSWORD_FIELDS, username=fill(USERNAME, upn=self._upn))
        return self._page("Sign in to your account", PASSWORD, "password", fields, PASSWORD_ACTIONS, wrong)

    def change(self, wrong: str = "") -> Response:
        """A new password in the place of a temporary one."""
        fields = fill(CHANGE_FIELDS, username=fill(USERNAME, upn=self._upn))
        return self._page("Update your password", CHANGE, "change", fields, NEXT, wrong)

    def code(self, wrong: str = "") -> Response:
        """The authenticator's code."""
        return self._page("Sign in to your account", CODE, "code", CODE_FIELDS, VERIFY, wrong)

    def choose(self) -> Response:
        """The account of the session, or another one."""
        return self._page("Sign in to your account", CHOOSE, "choose", Html(""), fill(CHOICES, upn=self._upn))

    def consent(self, app_id: str, asked: Mapping[str, set[str]], *, offer_for_all: bool) -> Response:
        """May the application have these permissions?"""
        lines = [(NAMES.get(api, api), name) for api, names in sorted(asked.items()) for name in sorted(names)]
        permissions = joined(fill("<li>{api}: {name}</li>\n", api=api, name=name) for api, name in lines)
        if not lines:
            permissions = Html("<li>Sign you in and read your profile</li>\n")
        fields = FOR_ALL if offer_for_all else Html("")
        body = fill(
            CONSENT,
            upn=self._upn,
            app=self._app,
            permissions=permissions,
            id=app_id,
            form=self._form("consent", fields, CONSENT_ACTIONS),
        )
        return page("Permissions requested", joined((BRAND, body)), targets=self._targets)

    def _form(self, step: str, fields: Html, actions: Html) -> Html:
        return fill(FORM, action=self._action, flow=self._flow, step=step, fields=fields, actions=actions)

    def _page(self, title: str, template: str, step: str, fields: Html, actions: Html, wrong: str = "") -> Response:
        warning = fill(WRONG, text=wrong) if wrong else Html("")
        form = self._form(step, fields, actions)
        body = fill(template, app=self._app, upn=self._upn, wrong=warning, form=form)
        return page(title, joined((BRAND, body)), targets=self._targets)


def device_entry(turn: Turn, given: str = "", wrong: str = "") -> Response:
    """The page that asks for the code shown on another device."""
    warning = fill(WRONG, text=wrong) if wrong else Html("")
    action = f"{turn.base}/common/oauth2/deviceauth"
    return page("Sign in to your account", joined((BRAND, fill(DEVICE, wrong=warning, action=action, given=given))))


def refusal_page(denied: Denied, turn: Turn, dialect: Dialect) -> Response:
    """The page that says no; the application hears nothing of it."""
    del dialect
    body = fill(
        ERROR,
        code=denied.code,
        text=denied.text,
        trace=turn.trace,
        correlation=turn.correlation,
        timestamp=turn.timestamp,
    )
    return page("Sign in to your account", joined((BRAND, body)), status=max(REFUSALS[denied.code].status, 400))


def code_page(turn: Turn) -> Response:
    """What a code means: where `error_uri` leads."""
    text = turn.query.get("code", "")
    row = REFUSALS.get(int(text)) if text.isascii() and text.isdigit() and len(text) < 10 else None
    if row is None:
        return message("Error code", "This code is not known here.")
    body = fill(EXPLAINED, code=row.code, cause=row.cause, remedy=row.remedy)
    return page("Error code", joined((BRAND, body)))


def message(title: str, text: str, *, status: int = 200) -> Response:
    """A page with a sentence."""
    return page(title, joined((BRAND, fill(MESSAGE, title=title, text=text))), status=status)


def shown_response(text: str) -> Response:
    """The whole answer as text to copy."""
    return page("You have signed in", joined((BRAND, fill(SHOWN, text=text))))


def native_client(turn: Turn, segment: str, dialect: Dialect) -> Later:
    """Where the answer for an old native application ends: it, or its user, reads the address."""
    del segment, dialect
    return partial(shown_response, turn.arrival.request.url)


def form_post(redirect: str, fields: Mapping[str, str]) -> Response:
    """The page whose form goes to the application at once (OAuth 2.0 Form Post Response Mode)."""
    hidden = joined(fill(HIDDEN, name=name, value=value) for name, value in fields.items())
    body = fill(WORKING, action=redirect, fields=hidden)
    return page("Working...", body, targets=source(redirect) or "'none'", submit=True)
