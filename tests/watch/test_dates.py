"""What ends when, for calendars and eyes: an iCalendar that holds to its RFC, and a drawing that can be looked at."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser

from partnerauth.consent.consent import State
from partnerauth.consent.plan import Plan
from partnerauth.oauth.credential_end import CredentialEnd, CredentialKind
from partnerauth.watch.calendar import calendar, escaped, folded
from partnerauth.watch.dates import Kind, Span, spans
from partnerauth.watch.timeline import timeline
from tests.chromium import window
from tests.consent.partner import NOON
from tests.consent.test_plan import kept

DAY = timedelta(days=1)
SVG = "{http://www.w3.org/2000/svg}"


def some(now: datetime = NOON) -> list[Span]:
    """Consents in each state, a secret and a certificate."""
    consents = [
        kept(now - DAY, tenant="t1", username="live@contoso.com"),
        kept(now - 80 * DAY, tenant="t2", username="near@contoso.com"),
        kept(now - 30 * DAY, tenant="t3", username="ill@contoso.com", state=State.SUSPENDED, code="50057"),
        kept(now - 60 * DAY, now - 20 * DAY, tenant="t4", username="lost@contoso.com", state=State.LOST, code="50173"),
    ]
    credentials = [
        CredentialEnd(CredentialKind.SECRET, "a file", ends=now + 200 * DAY, begins=now - 165 * DAY),
        CredentialEnd(CredentialKind.CERTIFICATE, "a file", ends=now + 500 * DAY),
        CredentialEnd(CredentialKind.FEDERATED, "a file"),
    ]
    return list(spans(consents, credentials, Plan(), "00001111-aaaa-2222-bbbb-3333cccc4444", now))


def test_everything_is_there_in_the_order_of_its_end() -> None:
    found = some()

    assert [span.name.partition("@")[0].split()[-1] for span in found] == [
        *("lost", "near", "ill", "live"),
        *("secret", "certificate"),
    ]
    assert found[0].ends == NOON - 20 * DAY, "what is lost has ended"
    assert found[1].ends == NOON + 10 * DAY
    assert found[0].renews is None
    assert found[3].renews is not None


def test_a_policys_end_is_the_end() -> None:
    (span,) = spans([kept(NOON - 5 * DAY, consented_at=NOON - 20 * DAY)], [], Plan(sign_in_lasts=30 * DAY), "app", NOON)

    assert span.ends == NOON + 10 * DAY
    assert span.begins == NOON - 20 * DAY


# --- iCalendar


def unfolded(text: str) -> Iterator[tuple[str, str]]:
    """Names and values, as a reader of RFC 5545 gets them; everything that the RFC forbids fails."""
    assert text.endswith("\r\n")
    lines = text.split("\r\n")[:-1]
    for line in lines:
        assert len(line.encode()) <= 75
        assert "\r" not in line
        assert "\n" not in line
        assert line
    whole = re.sub(r"\r\n[ \t]", "", text)
    for line in whole.split("\r\n")[:-1]:
        name, _, value = line.partition(":")
        assert re.fullmatch(r"[A-Z-]+", name), line
        yield name, value


def read(value: str) -> str:
    """A value of type TEXT as it was meant."""
    assert not re.search(r"(?<!\\)(?:\\\\)*[;,]", value), "a bare separator"
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], value)


def events(text: str) -> list[dict[str, str]]:
    """The events of a calendar; alarms are left away."""
    found: list[dict[str, str]] = []
    open_: list[str] = []
    for name, value in unfolded(text):
        if name == "BEGIN":
            open_.append(value)
            if value == "VEVENT":
                found.append({})
        elif name == "END":
            assert open_.pop() == value
        elif open_[-1] == "VEVENT":
            assert name not in found[-1], "once each"
            found[-1][name] = value
    assert not open_
    return found


def test_the_calendar_has_an_event_for_each_end() -> None:
    found = events(calendar(some(), NOON))

    assert len(found) == 6
    assert found[1]["DTSTART"] == f"{NOON + 10 * DAY:%Y%m%dT%H%M%SZ}"
    assert read(found[1]["SUMMARY"]) == "Consent ends: near@contoso.com for t2"
    assert "90 days" in read(found[1]["DESCRIPTION"])
    assert all(event["DTSTAMP"] == "20260608T120000Z" for event in found)
    assert {event["CATEGORIES"] for event in found} == {"CONSENT", "CREDENTIAL"}


def test_a_renewed_consents_event_moves_and_stays_the_same_event() -> None:
    """A calendar that subscribes does not fill up."""
    before = events(calendar(some(), NOON))
    after = events(calendar(some(NOON + 7 * DAY), NOON + 7 * DAY))

    assert [event["UID"] for event in before] == [event["UID"] for event in after]
    assert [event["DTSTART"] for event in before] != [event["DTSTART"] for event in after]
    assert len({event["UID"] for event in before}) == 6


def test_no_consent_is_a_calendar_too() -> None:
    text = calendar([], NOON)

    assert events(text) == []
    assert text.startswith("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:")


@given(st.text())
def test_any_text_is_escaped_and_comes_back(text: str) -> None:
    wanted = "".join(
        c for c in text.replace("\r\n", "\n").replace("\r", "\n") if c == "\n" or c.isprintable() or ord(c) >= 0xA0
    )

    assert read(escaped(text)) == wanted.encode("utf-8", "replace").decode()


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=20, max_size=300))
def test_any_line_is_folded_and_comes_back(text: str) -> None:
    lines = folded(text)

    assert all(len(part.encode()) <= 75 for part in lines.split("\r\n"))
    assert lines.removesuffix("\r\n").replace("\r\n ", "") == text
    for part in lines.split("\r\n")[1:-1]:
        assert part.startswith(" ")


names = st.text(max_size=200)
moments = st.timedeltas(-4000 * DAY, 4000 * DAY).map(NOON.__add__)


@given(
    st.lists(
        st.builds(
            lambda kind, name, begins, length, state: Span(
                kind, "".join(f"{ord(c):x}" for c in name[:9]), name, begins, begins + length, "why", state
            ),
            st.sampled_from(Kind),
            names,
            moments,
            st.timedeltas(timedelta(), 4000 * DAY),
            st.sampled_from(State),
        ),
        max_size=5,
    )
)
def test_whatever_ends_can_be_written_and_drawn(found: list[Span]) -> None:
    assert len(events(calendar(found, NOON))) == len(found)
    root = ET.fromstring(timeline(found, NOON))
    for rect in root.iter(f"{SVG}rect"):
        assert float(rect.get("width", "0")) > 0


# --- drawing


def test_the_drawing_says_in_words_what_it_shows() -> None:
    root = ET.fromstring(timeline(some(), NOON))
    titles = [title.text or "" for title in root.iter(f"{SVG}title")]
    description = root.findtext(f"{SVG}desc") or ""

    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "title desc"
    assert len(titles) == 7
    assert "near@contoso.com for t2: ends soon, ends 2026-06-18" in titles[2]
    assert "lost@contoso.com for t4 (lost)" in description
    assert "near@contoso.com for t2 (ends soon)" in description


def test_the_drawing_needs_nothing_else() -> None:
    text = timeline(some(), NOON)

    assert not re.search(r"<(script|image|use|foreignObject|a)\b|@import|url\(|href=", text)
    assert re.findall(r"https?://\S+", text) == ['http://www.w3.org/2000/svg"']


def test_nothing_is_drawn_as_such() -> None:
    assert "No consent is kept" in timeline([], NOON)


def test_the_drawing_is_accessible_and_fits_its_frame(tmp_path: Path, browser: Browser) -> None:
    page_file = tmp_path / "timeline.html"
    drawn = timeline([replace(span, name=span.name * 3) for span in some()], NOON)
    page_file.write_text(
        f'<!doctype html><html lang="en"><title>Timeline</title><main><h1>Timeline</h1>{drawn}</main></html>'
    )
    with window(browser, width=1200) as page:
        page.goto(page_file.as_uri())
        outside = page.evaluate(
            """() => { const frame = document.querySelector('svg').getBoundingClientRect();
            return [...document.querySelectorAll('svg text, svg rect')].filter(e => {
              const b = e.getBoundingClientRect();
              return b.left < frame.left - 1 || b.right > frame.right + 1 || b.bottom > frame.bottom + 1;
            }).map(e => e.textContent) }"""
        )
        violations = Axe().run(page).response["violations"]

    assert outside == []
    assert [violation["id"] for violation in violations] == []
