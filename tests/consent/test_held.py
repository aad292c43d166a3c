"""Refresh tokens that other tools hold, in the layouts that those use; judged like any other before they are kept."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partnerauth.consent.first import Expected
from partnerauth.consent.held import held_in_vault, read_held
from partnerauth.emulator.default import TENANT, WEB_APP
from partnerauth.errors import Misconfigured, PartnerAuthError, WrongTenant
from partnerauth.flow import run
from partnerauth.hidden import Hidden
from partnerauth.messages import Request, Response
from partnerauth.stores.memory import MemoryStore
from tests.consent.partner import CLOUD, Partner

OTHER = "99990000-aaaa-2222-bbbb-3333cccc9999"
TOKEN = "0.AAAAheld-elsewhere_token"

LAYOUTS = {
    "alone": "{token}\n",
    "token endpoint": '{{"refresh_token": "{token}", "access_token": "a"}}',
    "CIPP's JSON": '{{"ApplicationID": "{app}", "TenantID": "{tenant}", "RefreshToken": "{token}"}}',
    "other letter case": '{{"ApplicationId": "{app}", "refreshtoken": "{token}"}}',
    "local.settings.json": '{{"Values": {{"RefreshToken": "{token}", "ApplicationID": "{app}"}}}}',
    "application settings": '[{{"name": "RefreshToken", "value": "{token}", "slotSetting": false}},'
    ' {{"name": "ApplicationID", "value": "{app}"}}]',
    "lines": "ApplicationID={app}\nTenantID={tenant}\nRefreshToken={token}\n",
    "shell": "export ApplicationID='{app}'\nexport RefreshToken='{token}'\n",
    "PowerShell": '$env:ApplicationID = "{app}"\n$env:RefreshToken = "{token}"\n',
}


def laid_out(layout: str, token: str = TOKEN, app: str = WEB_APP) -> str:
    return LAYOUTS[layout].format(token=token, app=app, tenant=TENANT)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_token_in_every_layout(layout: str) -> None:
    assert read_held(laid_out(layout), WEB_APP, CLOUD) == Hidden(TOKEN)
    assert read_held(laid_out(layout, app=WEB_APP.upper()), WEB_APP, CLOUD) == Hidden(TOKEN)


@pytest.mark.parametrize("layout", [name for name, text in LAYOUTS.items() if "{app}" in text])
def test_another_applications_token_is_not_even_tried(layout: str) -> None:
    with pytest.raises(Misconfigured, match=f"belongs to the application {OTHER}"):
        read_held(laid_out(layout, app=OTHER), WEB_APP, CLOUD)


@pytest.mark.parametrize("layout", [name for name, text in LAYOUTS.items() if "{app}" in text])
@pytest.mark.parametrize(("token", "app"), [("RefreshToken", WEB_APP), (TOKEN, "LongApplicationId")])
def test_a_placeholder_is_told(layout: str, token: str, app: str) -> None:
    """A vault that was made by a template, and never filled."""
    with pytest.raises(Misconfigured, match="placeholder"):
        read_held(laid_out(layout, token, app), WEB_APP, CLOUD)


@pytest.mark.parametrize(
    "text", ['{"RefreshToken": ""}', '{"RefreshToken": "two words"}', "RefreshToken=\n", "[]", "[1]"]
)
def test_what_is_none_is_told(text: str) -> None:
    with pytest.raises(Misconfigured):
        read_held(text, WEB_APP, CLOUD)


def test_a_cache_of_msal_is_still_read() -> None:
    """Its `RefreshToken` is an object, not a text."""
    entry = {"client_id": WEB_APP, "environment": "localhost", "secret": TOKEN}
    cache = json.dumps({"RefreshToken": {"a": entry, "b": entry | {"client_id": OTHER, "secret": "x"}}}, indent=1)

    assert read_held(cache, WEB_APP, CLOUD) == Hidden(TOKEN)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*"ab", "RefreshToken", "Values", "name"]), inner),
    max_leaves=8,
)


@given(st.text() | json_values.map(json.dumps))
def test_whatever_is_given_it_is_a_token_or_refused(text: str) -> None:
    """Never a fault of our own, and never a token with a space in it."""
    with suppress(PartnerAuthError):
        assert read_held(text, WEB_APP, CLOUD).reveal().split() != []


# --- a vault


def vault(**secrets: str) -> MemoryStore:
    store = MemoryStore()
    for name, value in secrets.items():
        store.write(name, Hidden(value), {}, None)
    return store


def found(store: MemoryStore, tenant: str = TENANT, secret: str = "") -> Hidden:
    return run(held_in_vault(store, WEB_APP, CLOUD, tenant, secret), _nobody)


def _nobody(request: Request) -> Response:
    raise AssertionError("nobody is asked")


def test_the_samples_layout_and_cipps() -> None:
    """One secret a tenant first; then the names of CIPP with their application beside."""
    cipp = {"RefreshToken": TOKEN, "ApplicationID": WEB_APP, "TenantID": TENANT}

    assert found(vault(**{TENANT: TOKEN})) == Hidden(TOKEN)
    assert found(vault(**cipp)) == Hidden(TOKEN)
    assert found(vault(**cipp), tenant="") == Hidden(TOKEN)
    assert found(vault(**cipp | {TENANT: "of-the-tenant"})) == Hidden("of-the-tenant")
    assert found(vault(**{"my-token": TOKEN}), secret="my-token") == Hidden(TOKEN)


@pytest.mark.parametrize(
    ("secrets", "secret", "said"),
    [
        ({}, "", "no refresh token in that vault"),
        ({"RefreshToken": TOKEN}, "another", "under the name another"),
        ({"RefreshToken": TOKEN, "ApplicationID": OTHER}, "", "belongs to the application"),
        ({"RefreshToken": "RefreshToken", "ApplicationID": "LongApplicationId"}, "", "placeholder"),
        ({TENANT: ""}, "", "is none"),
    ],
)
def test_a_vault_without_a_token_of_ours(secrets: dict[str, str], secret: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        found(vault(**secrets), secret=secret)


def test_a_consent_of_another_application_of_ours_is_seen_by_its_tags() -> None:
    """Another partnerauth's plain store."""
    partner = Partner()
    partner.consent()
    entry = partner.store.read(partner.book.name(TENANT))
    assert entry is not None
    store = MemoryStore()
    store.write(TENANT, entry.value, {**entry.tags, "client": OTHER}, None)

    with pytest.raises(Misconfigured, match="belongs to the application"):
        found(store)
    store.write(f"{TENANT}-{WEB_APP}", entry.value, entry.tags, None)
    assert found(store) == entry.value, "where several share it, each has a name of its own"
    store.forget(TENANT)
    store.write(TENANT, entry.value, entry.tags, None)
    assert found(store) == entry.value


def test_a_consent_of_another_cloud_is_seen_by_its_tags() -> None:
    """Its refresh token is not sent to the sign-in hosts of this one."""
    partner = Partner()
    partner.consent()
    entry = partner.store.read(partner.book.name(TENANT))
    assert entry is not None
    store = MemoryStore()
    store.write(TENANT, entry.value, {**entry.tags, "cloud": "china"}, None)

    for secret in ("", TENANT):
        with pytest.raises(Misconfigured, match="belongs to the cloud china"):
            found(store, secret=secret)


def test_what_was_taken_from_a_vault_is_judged_like_any_other() -> None:
    """Redeemed and looked at before it is kept; a token of another tenant is not."""
    old, new = Partner(), Partner()
    new.emulator = old.emulator
    token = old.consent().refresh_token
    held = found(vault(RefreshToken=token.reveal(), ApplicationID=WEB_APP))
    with pytest.raises(WrongTenant):
        new.run(new.first().held(held, Expected(CLOUD.authority("organizations"), OTHER), new.user.dialect))
    assert new.store.list() == []

    kept = new.run(new.first().held(held, Expected(CLOUD.authority(TENANT)), new.user.dialect)).consent
    assert (kept.outcome, kept.mfa.value) == ("adopted", "shown")
    assert new.token().access_token
