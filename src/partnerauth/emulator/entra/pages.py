"""What a person sees: the steps of a sign-in, the consent question, errors. Everything works without scripts.

Sources: OAuth 2.0 Form Post Response Mode; Microsoft "Authorization code flow" (error pages).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import partial
from urllib.parse import quote, urlencode

from partnerauth.cloud import Dialect
from partnerauth.emulator.entra.html import Html, fill, joined, page
from partnerauth.emulator.entra.permissions import NAMES
from partnerauth.emulator.entra.redirects import source
from partnerauth.emulator.entra.refuse import Denied
from partnerauth.emulator.entra.turn import Later, Turn
from partnerauth.hidden import Hidden
from partnerauth.messages import Response
from partnerauth.oauth.codes import REFUSALS

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
CHOICE = '<button type="submit" class="second wide" name="choice" value="{name}">{upn}</button>\n'
ANOTHER = Html('<button type="submit" class="second wide" name="choice" value="other">Use another account</button>')
KEY_ACTION = Html('<button type="submit" class="second" name="choice" value="key" formnovalidate>Security key</button>')
PUSH = """<p class="who">{upn}</p>
<h1>Approve sign in request</h1>
<p>{said}</p>
<p class="number">{number}</p>
{form}"""
PUSHED = "Open your Authenticator app, and enter the number shown to sign in."
DENIED = "We didn't hear from you, or you denied the request."
CHECK = Html('<button type="submit" name="choice" value="check">Continue</button>')
AGAIN = Html('<button type="submit" name="choice" value="again">Send another request</button>')
OR_CODE = Html('<button type="submit" class="second" name="choice" value="code">Use a code instead</button>')
KEY = """<p class="who">{upn}</p>
<h1>Security key</h1>
<p>Touch your security key. (In this emulator, press the button.)</p>
{form}"""
TOUCH = Html('<button type="submit">Touch the key</button>')
ENROL = """<p class="who">{upn}</p>
<h1>More information required</h1>
<p>Your organization needs more information to keep your account secure. (AADSTS50079)</p>
<p>Add this key to an authenticator app, then enter the code that it shows.</p>
<p class="key"><code>{key}</code></p>
<p class="soft">{uri}</p>
{wrong}{form}"""
EXTERNAL = """<p class="who">{upn}</p>
<h1>Another company's check</h1>
<p>Your organization demands that another company verifies that it is you. (In this emulator, press the button.)</p>
{form}"""
VERIFIED = Html('<button type="submit">It is me</button>')
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
SIGNED_OUT = """<h1>You signed out of your account</h1>
<p>It's a good idea to close all browser windows.</p>
{on}{frames}"""
FRAME = '<iframe hidden title="Sign out" src="{url}"></iframe>\n'
ON = '<p><a href="{url}">Back to the application</a></p>\n'
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

    def password(self, wrong: str = "", *, with_key: bool = False) -> Response:
        """The password of that person, or their security key in its place."""
        fields = fill(PASSWORD_FIELDS, username=fill(USERNAME, upn=self._upn))
        actions = joined((PASSWORD_ACTIONS, KEY_ACTION)) if with_key else PASSWORD_ACTIONS
        return self._page("Sign in to your account", PASSWORD, "password", fields, actions, wrong)

    def change(self, wrong: str = "") -> Response:
        """A new password in the place of a temporary one."""
        fields = fill(CHANGE_FIELDS, username=fill(USERNAME, upn=self._upn))
        return self._page("Update your password", CHANGE, "change", fields, NEXT, wrong)

    def code(self, wrong: str = "") -> Response:
        """The authenticator's code."""
        return self._page("Sign in to your account", CODE, "code", CODE_FIELDS, VERIFY, wrong)

    def push(self, number: str, answer: bool | None, *, or_code: bool) -> Response:
        """The number that the telephone asks for; the page asks again by itself until there is an answer."""
        denied = answer is False
        actions = [AGAIN if denied else CHECK, *((OR_CODE,) if or_code else ())]
        form = self._form("push", Html(""), joined(actions))
        body = fill(PUSH, upn=self._upn, said=DENIED if denied else PUSHED, number="" if denied else number, form=form)
        again = "" if denied else f"{self._action}?{urlencode({'flow': self._flow})}"
        return page("Sign in to your account", joined((BRAND, body)), targets=self._targets, again=again)

    def key(self) -> Response:
        """A security key as the second factor."""
        return self._page("Sign in to your account", KEY, "key", Html(""), TOUCH)

    def enrol(self, secret: Hidden, wrong: str = "") -> Response:
        """The secret of a new authenticator, and its first code."""
        key = base64.b32encode(secret.reveal().encode()).decode().rstrip("=")
        label = quote(f"Emulator:{self._upn}")
        uri = f"otpauth://totp/{label}?{urlencode({'secret': key, 'issuer': 'Emulator'})}"
        warning = fill(WRONG, text=wrong) if wrong else Html("")
        grouped = " ".join(key[place : place + 4] for place in range(0, len(key), 4))
        form = self._form("enrol", CODE_FIELDS, VERIFY)
        body = fill(ENROL, upn=self._upn, key=grouped, uri=uri, wrong=warning, form=form)
        return page("Keep your account secure", joined((BRAND, body)), targets=self._targets)

    def external(self) -> Response:
        """Another company's second factor."""
        return self._page("Sign in to your account", EXTERNAL, "external", Html(""), VERIFIED)

    def choose(self, accounts: list[tuple[str, str]]) -> Response:
        """One of the accounts that signed in in this browser (person id and name, the session's first), or another."""
        lines = [fill(CHOICE, name=name if place else "same", upn=upn) for place, (name, upn) in enumerate(accounts)]
        return self._page("Sign in to your account", CHOOSE, "choose", Html(""), joined((*lines, ANOTHER)))

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
    return page("Sign in to your account", joined((BRAND, body)), status=max(denied.row.status, 400))


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


def signed_out_page(told: list[str], back: str = "") -> Response:
    """Nobody is signed in any more. Each address in `told` is called in a frame; then the page goes on to `back`."""
    frames = joined(fill(FRAME, url=url) for url in told)
    on = fill(ON, url=back) if back else Html("")
    body = fill(SIGNED_OUT, frames=frames, on=on)
    sources = " ".join(dict.fromkeys(source(url) for url in told))
    return page("Sign out", joined((BRAND, body)), again=back, frames=sources)


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
