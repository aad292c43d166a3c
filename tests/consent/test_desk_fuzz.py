"""Whatever a browser sends, the desk answers with a page: never a fault, never a consent, never a secret."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlsplit

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partnerauth.consent.desk import COOKIE, MARK
from partnerauth.consent.visit import mark_of
from partnerauth.hidden import Hidden
from partnerauth.messages import FORM, Request
from tests.consent.guest import ORIGIN, Guest, desk_of, said
from tests.consent.partner import REPLY, Partner

MANY = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])

PARTNER = Partner()
DESK = desk_of(PARTNER)
WAITING = Guest(PARTNER, DESK)
STATE = PARTNER.browse(WAITING.start(WAITING.get(REPLY)))["state"]
"""Of a sign-in that is under way, and whose cookie some of the requests carry."""
INVITATION = WAITING.invited()

odd = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["", "\x00", "%00", "%FF", "../" * 20, "a" * 9000, "<script>", "{{7*7}}", "🦊" * 40, "\ud800", "\r\nX: y"]
    ),
)
names = st.one_of(
    odd,
    st.sampled_from(
        [
            *("state", "code", "id_token", "error", "error_description", "error_uri", "error_subcode", "session_state"),
            *("admin_consent", "tenant", "scope", "again", "invitation", "purpose", "claims", "suberror"),
        ]
    ),
)
values = st.one_of(
    odd,
    st.sampled_from(
        [
            *(STATE, mark_of(Hidden(STATE)), INVITATION.rpartition("/")[2], "admin", "True", "access_denied"),
            *("AADSTS65004: no", "AADSTS" + "9" * 30, "AADSTS50126", "0" * 32, "eyJ.eyJ.x", "interaction_required"),
        ]
    ),
)
fields = st.lists(st.tuples(names, values), max_size=6)
paths = st.one_of(
    st.sampled_from(
        ["", "start", "admin", "style.css", "invite/", INVITATION.removeprefix(REPLY), "visit/", "visit/" + "0" * 32]
    ),
    st.builds("visit/{}".format, st.just(mark_of(Hidden(STATE)))),
    st.builds("invite/{}".format, odd),
    odd,
)
headers = st.lists(
    st.one_of(
        st.tuples(st.just("Origin"), st.one_of(st.just(ORIGIN), st.sampled_from(["null", "https://[", "//", ""]), odd)),
        st.tuples(st.just("Sec-Fetch-Site"), st.sampled_from(["same-origin", "cross-site", "none", "x"])),
        st.tuples(st.just("Content-Type"), st.one_of(st.just(FORM), odd)),
        st.tuples(st.just("Cookie"), odd),
        st.tuples(st.just("Cookie"), st.builds(f"{COOKIE}{{}}={{}}".format, st.from_regex(MARK, fullmatch=True), odd)),
        st.tuples(st.just("Host"), odd),
    ),
    max_size=4,
)


def encoded(pairs: list[tuple[str, str]]) -> bytes:
    """The pairs as a form, not always as one should write it."""

    def coded(text: str) -> str:
        return quote_plus(text.encode("utf-8", "surrogatepass"))

    return "&".join(f"{coded(name)}={coded(value)}" for name, value in pairs).encode()


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """A request to the desk, or something like it."""
    method = draw(st.sampled_from(["GET", "POST", "POST", "HEAD", "PUT", "OPTIONS"]))
    given_: list[tuple[str, str]] = draw(headers)
    form = draw(fields)
    origin = draw(
        st.sampled_from([ORIGIN, ORIGIN, ORIGIN, ORIGIN, "https://127.0.0.1", "https://[::1", "http://localhost:44395"])
    )
    url = f"{origin}/{draw(paths)}"
    if method == "POST":
        body: Any = draw(st.one_of(st.just(encoded(form)), st.binary(max_size=200)))
        return Request(method, url, (("Content-Type", FORM), *given_), body)
    query = encoded(form).decode()
    return Request(method, f"{url}?{query}" if query else url, tuple(given_))


def on_the_way(guest: Guest, request: Request) -> Request:
    """The same request from somebody who is expected back: with the state of a visit of their own."""
    link = guest.start(guest.get(REPLY))
    [state] = parse_qs(urlsplit(link).query)["state"]
    mine, mark = mark_of(Hidden(STATE)), mark_of(Hidden(state))
    url = request.url.replace(STATE, state).replace(mine, mark)
    body = request.body.replace(STATE.encode(), state.encode()).replace(mine.encode(), mark.encode())
    return Request(request.method, url, request.headers, body)


@MANY
@given(requests(), st.booleans())
def test_every_request_gets_a_page(request: Request, waiting: bool) -> None:
    PARTNER.clock.advance(timedelta(minutes=16))
    guest = Guest(PARTNER, DESK)
    if waiting:
        request = on_the_way(guest, request)
    elif request.header("Cookie"):
        guest.cookies.clear()

    response = guest.ask(request)

    assert response.status in {200, 303, 400, 403, 404, 405, 409, 410, 413, 414, 421, 429}
    assert response.header("Cache-Control")
    text = response.body.decode()
    for secret in guest.cookies.values():
        assert secret not in text
    if response.status not in (200, 303):
        assert said(response)
    assert not [entry for entry in PARTNER.store.list() if not entry.name.startswith(("visit-", "invitation-"))]
