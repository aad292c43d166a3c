"""Every mistake in a world file is named with its place."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partnerauth.emulator.default import JOHN
from partnerauth.emulator.worldfile import read_world
from partnerauth.errors import Misconfigured
from tests.emulator.worldfile.worlds import PARTNER


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = ", "this is no TOML: Invalid value (at end of document)"),
        ("people = 3", "people: expected tables, each under [[people]]"),
        ("[people]", "people: expected tables, each under [[people]]"),
        ("[[persons]]", "there is no setting or list 'persons'"),
        ("[[poeple]]", "there is no setting or list 'poeple'; did you mean 'people'?"),
        ('extends = "fabrikam"', "extends: there is no world 'fabrikam'; known are contoso"),
        ("extends = 3", "extends: there is no world '3'"),
        ("seed = true", "seed: expected a whole number"),
        ("frozen = 1", "frozen: expected true or false"),
        ('start = "noon"', "start: expected a moment such as 2026-06-08T00:00:00Z"),
        ("", "tenants: one tenant must be the partner's (partner = true), and here 0 are"),
        ('extends = "contoso"\npolicies = 3', "policies: expected a table"),
        (
            'extends = "contoso"\n[policies]\nmfa_at_the_api = "today"',
            "policies: there is no policy 'mfa_at_the_api'; did you mean 'mfa_at_the_apis'?",
        ),
        (
            'extends = "contoso"\n[policies]\nnonce_demanded = "soon"',
            "policies.nonce_demanded: expected today, never or a moment",
        ),
        ('extends = "contoso"\n[sign_in]\nupn = "jon.doe@contoso.com"', "did you mean 'john.doe@contoso.com'?"),
        ('extends = "contoso"\nsign_in = 3', "sign_in: expected a table, got a whole number"),
        (f"{PARTNER}[[people]]\nupn = 3", "people[0].upn: expected a text, got a whole number"),
        (f'{PARTNER}[[people]]\nupn = "a@northwind.example"', "people[0]: 'password' is missing"),
        (
            f'{PARTNER}[[people]]\nupn = "a@northwind.example"\npasword = "x"',
            "people[0]: there is no member 'pasword'; did you mean 'password'?",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, said: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        read_world(text)

    assert said in caught.value.message
    assert "docs/worlds.md" in caught.value.hint


GOOD: dict[str, dict[str, str]] = {
    "tenants": {"name": '"Fabrikam"', "domains": '["fabrikam.example"]'},
    "people": {"upn": '"a@northwind.example"', "password": '"x"'},
    "registrations": {
        "id": '"22220000-aaaa-4bbb-8ccc-3333dddd4444"',
        "name": '"App"',
        "tenant": '"northwind.example"',
    },
    "grants": {
        "tenant": '"northwind.example"',
        "application": '"22220000-aaaa-4bbb-8ccc-3333dddd4444"',
        "api": '"graph"',
        "permissions": "[]",
    },
    "customers": {"name": '"Litware"', "domain": '"litware.onmicrosoft.com"'},
    "vaults": {"name": '"northwind"', "tenant": '"northwind.example"'},
    "referrals": {"name": '"A deal"', "customer": '"Litware"'},
}


def table(kind: str, **members: str) -> str:
    written = "\n".join(f"{name} = {value}" for name, value in (GOOD[kind] | members).items())
    return f"[[{kind}]]\n{written}\n"


def test_the_least_of_everything_is_a_world() -> None:
    world = read_world(PARTNER + "".join(map(table, GOOD)))

    assert len(world.tenants) == 2


@pytest.mark.parametrize(
    ("kind", "members", "said"),
    [
        ("tenants", {"domains": "[]"}, "tenants[1].domains: expected at least one domain"),
        ("tenants", {"domains": '["no domain"]'}, "tenants[1].domains[0]: expected a domain"),
        ("tenants", {"domains": '["Northwind.example"]'}, "this domain is there already, at tenants[0].domains[0]"),
        ("tenants", {"partner": "true"}, "and here 2 are"),
        ("tenants", {"id": '"fabrikam"'}, "tenants[1].id: expected an id such as"),
        (
            "people",
            {"upn": '"ada"'},
            "people[0].upn: expected name@domain, with a domain of a tenant: northwind.example",
        ),
        ("people", {"upn": '"a@b.example"'}, "people[0].upn: expected name@domain"),
        ("people", {"upn": '"@northwind.example"'}, "people[0].upn: expected name@domain"),
        ("people", {"password": '""'}, "people[0].password: expected a password"),
        ("people", {"roles": '["admin"]'}, "people[0].roles[0]: there is no role 'admin'; did you mean 'admin_agent'?"),
        ("people", {"totp": '"é"'}, "people[0].totp: expected the authenticator's secret as ASCII"),
        ("people", {"valid_from": '"now"'}, "people[0].valid_from: expected a moment"),
        ("people", {"enabled": '"yes"'}, "people[0].enabled: expected true or false, got a text"),
        ("registrations", {"tenant": '"northwnd.example"'}, "did you mean 'northwind.example'?"),
        (
            "registrations",
            {"redirects": '{web = ["localhost"]}'},
            "registrations[0].redirects.web[0]: expected a whole",
        ),
        ("registrations", {"redirects": '{web = ["https://[x"]}'}, "registrations[0].redirects.web[0]: "),
        ("registrations", {"redirects": '{web = ["a:b"], spa = ["a:b"]}'}, "already, for web"),
        ("registrations", {"redirects": "{wbe = []}"}, "registrations[0].redirects: there is no member 'wbe'"),
        ("registrations", {"permissions": "{partnercenter = []}"}, "did you mean 'partner-center'?"),
        (
            "registrations",
            {"secrets": '[{value = "x", end = 1}]'},
            "registrations[0].secrets[0]: there is no member 'end'",
        ),
        (
            "registrations",
            {"secrets": '[{value = "x", ends = "?"}]'},
            "registrations[0].secrets[0].ends: expected a moment",
        ),
        (
            "registrations",
            {"certificates": '["none.pem"]'},
            "registrations[0].certificates[0]: 'none.pem' cannot be read",
        ),
        ("registrations", {"certificates": '["."]'}, "registrations[0].certificates[0]: '.' cannot be read"),
        (
            "registrations",
            {"certificates": '["-----BEGIN X"]'},
            "registrations[0].certificates[0]: expected a certificate",
        ),
        ("registrations", {"certificates": '[{pm = ""}]'}, "registrations[0].certificates[0]: there is no member 'pm'"),
        ("grants", {"application": '"x"'}, "grants[0].application: expected an id"),
        ("grants", {"person": '"nobody@northwind.example"'}, "grants[0].person: there is no person"),
        ("customers", {"domain": '"x"'}, "customers[0].domain: expected a domain"),
        ("customers", {"users": "[{}]"}, "customers[0].users[0]: 'upn' is missing"),
        ("vaults", {"name": '"a"'}, "vaults[0].name: expected 3 to 24"),
        ("vaults", {"allowed": '["x"]'}, "vaults[0].allowed[0]: there is no person 'x'"),
        ("vaults", {"secrets": '[{name = "a"}, {name = "A"}]'}, "already, at vaults[0].secrets[0].name"),
        ("vaults", {"keys": '[{name = "a"}, {name = "A"}]'}, "already, at vaults[0].keys[0].name"),
        ("vaults", {"keys": '[{name = "a", versions = [{size = 1024}]}]'}, "keys[0].versions[0].size: expected one of"),
        ("vaults", {"keys": '[{name = "a", versions = [{private = "none.pem"}]}]'}, "'none.pem' cannot be read"),
        (
            "vaults",
            {"keys": '[{name = "a", versions = [{private = "-----BEGIN"}]}]'},
            "vaults[0].keys[0].versions[0].private: expected a private key as PEM",
        ),
        ("referrals", {"customer": '""'}, "referrals[0]: expected `name` and `customer`"),
        ("referrals", {"document": "'[]'"}, "referrals[0].document: expected a JSON object with an `id`"),
        ("referrals", {"document": "'{'"}, "referrals[0].document: "),
        ("referrals", {"id": '"a"', "document": """'{"id": "b"}'"""}, "referrals[0].id: this is another id"),
    ],
)
def test_a_mistake_in_a_table_is_named_with_its_place(kind: str, members: dict[str, str], said: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        read_world(PARTNER + table(kind, **members))

    assert said in caught.value.message


@pytest.mark.parametrize("kind", ["people", "registrations", "customers", "vaults", "referrals"])
def test_nothing_is_there_twice(kind: str) -> None:
    with pytest.raises(Misconfigured, match=rf"{kind}\[1\]\..*already, at {kind}\[0\]"):
        read_world(PARTNER + table(kind) + table(kind))


def test_what_the_extended_world_has_is_not_there_twice() -> None:
    with pytest.raises(Misconfigured, match=r"already, at extends\.people\[1\]\.id"):
        read_world(f'extends = "contoso"\n[[people]]\nupn = "{JOHN}"\nid = "99990000-0000-4000-8000-000000000002"')


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "world.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(Misconfigured, match=r"world\.toml"):
        read_world(path)


def test_a_mistake_never_prints_a_password() -> None:
    with pytest.raises(Misconfigured) as caught:
        read_world(PARTNER + table("people", password='"SECRETSECRET"', roles="[3]"))

    assert "SECRETSECRET" not in str(caught.value)


@given(st.text(max_size=200))
def test_no_text_is_too_broken(text: str) -> None:
    for source in (text, f"{PARTNER}\n{text}", f'{PARTNER}[[people]]\nupn = "{text}"\npassword = "x"'):
        try:
            read_world(source)
        except Misconfigured:
            continue
