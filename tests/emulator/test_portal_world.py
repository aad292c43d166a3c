"""Clock, policies, automatic sign-in, faults, journal and the way back to the beginning, at the portal."""

from datetime import UTC, datetime, timedelta

import pytest

from partnerauth.emulator.default import ADMIN_AGENT, JOHN, WEB_APP, WEB_APP_SECRET
from partnerauth.emulator.emulator import Emulator
from partnerauth.emulator.world import Automatic, Policies, World
from partnerauth.messages import Request
from tests.emulator.visitor import NOON, ORIGIN, Visitor


@pytest.fixture
def visitor() -> Visitor:
    return Visitor()


def test_the_overview_tells_who_is_here_and_what_time_it_is(visitor: Visitor) -> None:
    text = visitor.look().text

    for word in ("Contoso", "Thu 1 Jan 2026", "12:00:00", "stands still", "6 customers", "1 key vault"):
        assert word in text
    assert "To a first token" not in text
    assert "To a first token" in Visitor(Emulator(World())).look().text


def test_the_last_requests_and_refusals_are_shown(visitor: Visitor) -> None:
    visitor.ask("/contoso.com/oauth2/token", 401, grant_type="client_credentials", client_id=WEB_APP, client_secret="x")

    text = visitor.look().text
    assert "POST /contoso.com/oauth2/token" in text
    assert "7000215" in text
    assert "GET /portal" not in text


def test_the_clock_is_moved_stopped_and_started(visitor: Visitor) -> None:
    visitor.do("/portal/clock/advance", by="90d")
    assert visitor.world.now() == NOON + timedelta(days=90)
    visitor.do("/portal/clock/set", now="2027-01-01T09:30")
    assert visitor.world.now() == datetime(2027, 1, 1, 9, 30, tzinfo=UTC)
    visitor.do("/portal/clock/follow")
    assert not visitor.world.clock.frozen
    assert "real time" in visitor.look("/portal/clock").text
    visitor.do("/portal/clock/freeze")
    assert visitor.world.clock.frozen
    visitor.do("/portal/clock/return")
    assert "It runs with the real one." in visitor.look("/portal/clock").text


@pytest.mark.parametrize(
    ("act", "fields", "field"),
    [
        ("advance", {"by": "soon"}, "by"),
        ("advance", {"by": ""}, "by"),
        ("advance", {"by": "99999w"}, "by"),
        ("set", {"now": "noon"}, "now"),
        ("set", {"now": ""}, "now"),
        ("set", {"now": "10000-01-01"}, "now"),
    ],
)
def test_a_clock_is_not_moved_by_mistake(visitor: Visitor, act: str, fields: dict[str, str], field: str) -> None:
    assert set(visitor.fail(f"/portal/clock/{act}", fields)) == {field}
    assert visitor.world.now() == NOON


def test_the_clock_ends_with_the_year_9999(visitor: Visitor) -> None:
    visitor.do("/portal/clock/set", now="9999-12-31")

    assert "9999" in visitor.fail("/portal/clock/advance", by="7d")["by"]
    for path in ("/", "/portal/phone", "/portal/policies", "/portal/people", "/portal/inspector"):
        visitor.look(path)


def test_every_policy_is_switched_on_and_off(visitor: Visitor) -> None:
    for name in Policies.FIELDS:
        visitor.do(f"/portal/policies/{name}", begins="now", day="")
        assert visitor.world.policies.holds(name, NOON)
        visitor.do(f"/portal/policies/{name}", begins="never", day="")
        assert getattr(visitor.world.policies, name) is None

    visitor.do("/portal/policies/mfa_at_the_apis", begins="today")
    assert visitor.world.policies.mfa_at_the_apis == datetime(2026, 6, 8, tzinfo=UTC)
    visitor.do("/portal/policies/nonce_demanded", begins="on", day="2026-03-01")
    assert visitor.world.policies.nonce_demanded == datetime(2026, 3, 1, tzinfo=UTC)
    assert "from Sun 1 Mar 2026" in visitor.look("/portal/policies").text


def test_a_policy_without_a_day_is_not_changed(visitor: Visitor) -> None:
    assert set(visitor.fail("/portal/policies/nonce_demanded", begins="on", day="soon")) == {"nonce_demanded"}
    assert visitor.world.policies.nonce_demanded is None
    assert "There is no such policy" in visitor.do("/portal/policies/unknown", begins="now").text


MEASURES = {
    "access_tokens_last": "30m",
    "refresh_tokens_last": "never",
    "mfa_lasts": "14d",
    "passwords_last": "90d",
    "spreading_takes": "10s",
    "mfa_share": "0.5",
    "continuous_access": "yes",
}


def test_measures_are_changed_all_or_none(visitor: Visitor) -> None:
    visitor.do("/portal/policies/measures", MEASURES)
    measures = visitor.world.measures
    assert measures.access_tokens_last == timedelta(minutes=30)
    assert (measures.mfa_lasts, measures.mfa_share, measures.continuous_access) == (timedelta(days=14), 0.5, True)

    wrong = {"access_tokens_last": "1s", "mfa_share": "most", "mfa_lasts": "1d"}
    assert set(visitor.fail("/portal/policies/measures", MEASURES | wrong)) == {"access_tokens_last", "mfa_share"}
    assert measures.mfa_lasts == timedelta(days=14)


def test_automatic_sign_in_is_switched_on_and_off(visitor: Visitor) -> None:
    path = "/portal/signing-in"
    visitor.do(path, upn=ADMIN_AGENT, mfa="")
    assert visitor.world.automatic == Automatic(ADMIN_AGENT, mfa=True)
    visitor.do(path, upn=ADMIN_AGENT, mfa="no")
    assert visitor.world.automatic == Automatic(ADMIN_AGENT, mfa=False)
    assert set(visitor.fail(path, upn=JOHN, mfa="yes")) == {"mfa"}
    assert set(visitor.fail(path, upn="nobody@contoso.com", mfa="")) == {"upn"}
    visitor.do(path, upn="", mfa="yes")
    assert visitor.world.automatic is None


def test_the_world_starts_over(visitor: Visitor) -> None:
    visitor.world.customers.clear()
    visitor.emulator.faults.add(status=503)

    assert "as it was in the beginning" in visitor.do("/portal/reset").text
    assert len(visitor.world.customers) == 6
    assert visitor.emulator.faults.quiet


def test_a_world_that_cannot_start_over_does_not_offer_it() -> None:
    visitor = Visitor(Emulator(World()))

    assert "Start over" not in visitor.look("/portal/clock").text
    assert "was not reset" in visitor.do("/portal/reset").text


def test_a_fault_is_added_strikes_and_is_taken_away(visitor: Visitor) -> None:
    path = "/portal/faults"
    visitor.do(path, service="entra", operation="token", happens="aadsts", number="50196", times="1")
    form = {"grant_type": "client_credentials", "client_id": WEB_APP, "client_secret": WEB_APP_SECRET}
    form["resource"] = "https://graph.windows.net"
    assert 50196 in visitor.ask("/contoso.com/oauth2/token", 400, **form).value()["error_codes"]
    assert visitor.ask("/contoso.com/oauth2/token", **form).value()["access_token"]
    [one] = visitor.emulator.faults.all()
    assert (
        "fault-1"
        in visitor.look("/portal/journal/" + str(visitor.emulator.journal.entries(fault="fault-1")[0].number)).text
    )

    visitor.do(f"{path}/remove", id=one.rule.id)
    assert visitor.emulator.faults.quiet
    assert "was not there" in visitor.do(f"{path}/remove", id=one.rule.id).text
    visitor.do(path, happens="drop", number="", times="")
    visitor.do(f"{path}/clear")
    assert visitor.emulator.faults.quiet


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"happens": "status", "number": "99"}, {"number"}),
        ({"happens": "status", "number": "many"}, {"number"}),
        ({"happens": "explosion", "number": "1"}, {"happens"}),
        ({"happens": "status", "number": "503", "service": "moon"}, {"service"}),
        ({"happens": "status", "number": "503", "times": "x"}, {"times"}),
        ({"happens": "delay", "number": "99999"}, {"number"}),
    ],
)
def test_a_mistaken_rule_is_not_added(visitor: Visitor, fields: dict[str, str], wrong: set[str]) -> None:
    assert set(visitor.fail("/portal/faults", fields)) == wrong
    assert visitor.emulator.faults.quiet


def test_the_journal_is_filtered_and_shows_messages_without_secrets(visitor: Visitor) -> None:
    visitor.do("/portal/journal/detail", detailed="yes")
    visitor.ask(
        "/contoso.com/oauth2/token",
        401,
        grant_type="client_credentials",
        client_id=WEB_APP,
        client_secret="shh-shh-shh",
    )
    visitor.send(Request("GET", f"{ORIGIN}/api.partnercenter.microsoft.com/v1/customers"))

    assert "/v1/customers" in visitor.look("/portal/journal?service=api.partnercenter.microsoft.com").text
    filtered = visitor.look("/portal/journal?path=oauth2&status=4xx").text
    assert "/contoso.com/oauth2/token" in filtered
    assert "/v1/customers" not in filtered
    entry = visitor.emulator.journal.entries(path="oauth2")[0]
    seen = visitor.look(f"/portal/journal/{entry.number}").text
    assert "client_secret=***" in seen
    assert "shh-shh-shh" not in seen
    assert "The application's secret is wrong." in seen

    visitor.look("/portal/journal?status=6", 422).usable()
    for number in ("0", "999999", "x", "9" * 30):
        visitor.look(f"/portal/journal/{number}", 404)
    visitor.do("/portal/journal/detail", detailed="no")
    visitor.do("/portal/journal/clear")
    assert "Nothing was asked yet" in visitor.look("/portal/journal").text


def test_the_phone_page_shows_the_codes_of_now(visitor: Visitor) -> None:
    """RFC 6238, appendix B: 94287082 at second 59 of the epoch, whose last six digits are shown."""
    visitor.world.clock.set(datetime.fromtimestamp(59, UTC))
    text = visitor.look("/portal/phone").text
    assert "287 082" in text
    assert "1 second left, until 00:01:00" in text
    assert "No authenticator" in text

    request = Request("GET", f"{ORIGIN}/portal/phone")
    assert visitor.send(request).header("Refresh") == ""
    visitor.world.clock.follow()
    assert 1 <= int(visitor.send(request).header("Refresh")) <= 30
