"""What does not belong to the sign-in under way: forged, stolen, doubled, late, or no request of ours."""

from datetime import timedelta

import pytest

from partnerauth.emulator.default import JOHN
from partnerauth.messages import Request
from tests.consent.guest import ORIGIN, OWN, Guest, nothing_kept, title
from tests.consent.partner import REPLY, Partner


def test_a_browser_without_cookies_is_told_so(partner: Partner, guest: Guest) -> None:
    guest.with_cookies = False
    page = guest.come_back(partner.browse(guest.start(guest.get(REPLY))))

    assert (page.status, title(page)) == (400, "Your browser did not send back its cookie")
    assert not partner.asked
    assert nothing_kept(partner)


@pytest.mark.parametrize("state", ["", "forged", None], ids=["empty", "forged", "none"])
def test_a_forged_state_is_not_taken(partner: Partner, guest: Guest, state: str | None) -> None:
    fields = partner.browse(guest.start(guest.get(REPLY)))
    del fields["state"]
    page = guest.come_back(fields if state is None else {**fields, "state": state})

    assert (page.status, title(page)) == (400, "This answer belongs to no sign-in of yours")
    assert not partner.asked


def test_anothers_answer_is_not_taken(partner: Partner, guest: Guest) -> None:
    """The attacker's own code, put into a victim's browser, who is on the way too (RFC 9700 4.7)."""
    attacker = Guest(partner, guest.desk)
    stolen = partner.browse(attacker.start(attacker.get(REPLY)), JOHN)
    mine = partner.browse(guest.start(guest.get(REPLY)))

    assert guest.come_back(stolen).status == 400
    mixed = guest.come_back({**stolen, "state": mine["state"]})

    assert title(mixed) == "The answer of the sign-in page was not taken"
    assert nothing_kept(partner)


def test_a_stolen_state_is_of_no_use_in_another_browser(partner: Partner, guest: Guest) -> None:
    fields = partner.browse(guest.start(guest.get(REPLY)))
    thief = Guest(partner, guest.desk)
    thief.start(thief.get(REPLY))
    [name] = guest.cookies
    thief.cookies[name] = next(iter(thief.cookies.values()))

    assert title(thief.come_back(fields)) == "This sign-in is over"
    assert not partner.asked
    assert title(guest.come_back(fields)) == "Consent kept"


def test_a_double_post_and_the_back_button_show_how_it_went(partner: Partner, guest: Guest) -> None:
    fields = partner.browse(guest.start(guest.get(REPLY)))
    page = guest.come_back(fields)
    redeemed = len(partner.asked)

    assert guest.come_back(fields).body == page.body
    assert guest.get(guest.location).body == page.body
    assert len(partner.asked) == redeemed


def test_two_sign_ins_in_one_browser_do_not_disturb_each_other(partner: Partner, guest: Guest) -> None:
    first, second = (guest.start(guest.get(REPLY)) for _ in range(2))
    late = partner.browse(first)

    assert title(guest.come_back(partner.browse(second))) == "Consent kept"
    assert title(guest.come_back(late)) == "Consent kept"


@pytest.mark.parametrize(("minutes", "heading"), [(16, "The sign-in was not finished"), (61, "This sign-in is over")])
def test_who_comes_late_is_told_so(partner: Partner, guest: Guest, minutes: int, heading: str) -> None:
    fields = partner.browse(guest.start(guest.get(REPLY)))
    partner.clock.advance(timedelta(minutes=minutes))
    Guest(partner, guest.desk).start(guest.get(REPLY))  # somebody else comes, and what is long over is swept away
    page = guest.come_back(fields)

    assert title(page) == heading
    assert not partner.asked


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("Origin", "https://elsewhere.example"),),
        (("Origin", "null"),),
        (("Origin", "https://localhost:44396"),),
        (("Origin", "http://localhost:44395"),),
        (("Sec-Fetch-Site", "cross-site"),),
        (("Sec-Fetch-Site", "none"),),
        (("Origin", ORIGIN), ("Sec-Fetch-Site", "same-site")),
        (("Origin", "https://[::1"),),
    ],
    ids=str,
)
def test_only_the_pages_own_button_starts(guest: Guest, headers: tuple[tuple[str, str], ...]) -> None:
    response = guest.ask(Request.form(f"{ORIGIN}/start", {}, headers))

    assert (response.status, title(response)) == (403, "This was sent by another page")
    assert not guest.cookies


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1:44395/", "https://localhost/", "https://evil.example:44395/", "https://localhost:44395.evil/"],
)
def test_it_answers_under_its_own_name_only(guest: Guest, url: str) -> None:
    """A stranger's name may lead here (DNS rebinding)."""
    assert guest.ask(Request("GET", url)).status == 421
    assert guest.ask(Request.form(url + "start", {}, OWN)).status == 421


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (Request("GET", f"{ORIGIN}/nowhere"), 404),
        (Request("GET", f"{ORIGIN}/visit/short"), 404),
        (Request("GET", f"{ORIGIN}/visit/{'0' * 32}"), 400),
        (Request("GET", f"{ORIGIN}/start"), 405),
        (Request("DELETE", f"{ORIGIN}/"), 405),
        (Request("POST", f"{ORIGIN}/style.css"), 405),
        (Request("GET", f"{ORIGIN}/?code=secret&state=x"), 400),
        (Request.form(f"{ORIGIN}/?state=x", {"state": "x"}), 400),
        (Request("GET", f"{ORIGIN}/?a=1&a=2"), 400),
        (Request("GET", f"{ORIGIN}/?a=%FF"), 400),
        (Request("GET", f"{ORIGIN}/?{'a' * 9000}"), 414),
        (Request("POST", f"{ORIGIN}/", (), b"state=x"), 400),
        (Request.json("POST", f"{ORIGIN}/", {"state": "x"}), 400),
        (Request.form(f"{ORIGIN}/", {"state": "x" * 40_000}), 400),
        (Request("POST", f"{ORIGIN}/", (("Content-Type", "application/x-www-form-urlencoded"),), b"x" * 70_000), 413),
        (
            Request("POST", f"{ORIGIN}/", (("Content-Type", "application/x-www-form-urlencoded"),), b"\xff=1"),
            400,
        ),
        (
            Request("POST", f"{ORIGIN}/", (("Content-Type", "application/x-www-form-urlencoded"),), b"state=1&state=2"),
            400,
        ),
        (Request("GET", "https://[::1/"), 400),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_no_request_of_ours_gets_a_page_that_says_so(guest: Guest, request_: Request, status: int) -> None:
    response = guest.ask(request_)

    assert response.status == status
    assert title(response)
    assert "secret" not in response.body.decode()
