"""A drawing of what ends when: one SVG, complete in itself, which a screen reader can read too.

Source: SVG 1.1; WAI-ARIA Graphics: a `title` and a `desc` for the whole and for every bar, colour never alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from xml.sax.saxutils import escape

from partnerauth.consent.consent import State
from partnerauth.watch.dates import Kind, Span

WIDTH, LEFT, RIGHT, ROW, HEAD, FOOT = 1100, 330, 110, 26, 78, 40
NEAR = timedelta(days=14)
LONGEST_NAME = 46
SIZE = f'width="{WIDTH}" height="%d"'
ROLE = 'role="img" aria-labelledby="title desc"'
MONTHS = 10
"""At most so many labels stand along the axis."""

COLOURS = {"live": "#1a7f52", "near": "#9a6700", "over": "#b42318", "suspended": "#9a6700", "credential": "#1f5fbf"}
STYLE = (
    "text{font:13px system-ui,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#1f2328}"
    ".t{font-size:18px;font-weight:600}.s{fill:#59636e}.e{font-size:12px;fill:#59636e}"
    ".g{stroke:#d8dee4;stroke-width:1}.n{stroke:#1f2328;stroke-width:1.5;stroke-dasharray:4 3}"
)


def timeline(spans: Sequence[Span], now: datetime) -> str:
    """The drawing, as an SVG document."""
    height = HEAD + ROW * max(1, len(spans)) + FOOT
    first, last = _frame(spans, now)
    scale = (WIDTH - LEFT - RIGHT) / max(1.0, (last - first).total_seconds())

    def place(at: datetime) -> float:
        return round(LEFT + (min(max(at, first), last) - first).total_seconds() * scale, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {SIZE % height} {ROLE}>',
        f'<title id="title">What ends when: {len(spans)} consents, secrets and certificates</title>',
        f'<desc id="desc">{_text(_described(spans, now))}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        '<text class="t" x="16" y="30">What ends when</text>',
        f'<text class="s" x="16" y="51">{now:%Y-%m-%d %H:%M} UTC. A bar ends when it ends if nobody acts.</text>',
    ]
    bottom = height - FOOT + 6
    for at in _ticks(first, last):
        x = place(at)
        parts.append(f'<line class="g" x1="{x}" y1="{HEAD - 12}" x2="{x}" y2="{bottom}"/>')
        parts.append(f'<text class="e" x="{x}" y="{bottom + 18}" text-anchor="middle">{at:%b %Y}</text>')
    for number, span in enumerate(spans):
        parts += _row(span, HEAD + ROW * number, place(span.begins), place(span.ends), now)
    x = place(now)
    parts.append(f'<line class="n" x1="{x}" y1="{HEAD - 12}" x2="{x}" y2="{bottom}"/>')
    parts.append(f'<text class="e" x="{x}" y="{HEAD - 17}" text-anchor="middle">now</text>')
    if not spans:
        parts.append(f'<text class="s" x="16" y="{HEAD + 18}">No consent is kept for this application.</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _row(span: Span, y: int, start: float, end: float, now: datetime) -> Iterator[str]:
    state, word = _state(span, now)
    name = span.name if len(span.name) <= LONGEST_NAME else span.name[: LONGEST_NAME - 1] + "\N{HORIZONTAL ELLIPSIS}"
    told = f"{span.name}: {word}, ends {span.ends:%Y-%m-%d}: {span.why}"
    dashed = ' stroke-dasharray="5 3"' if state in ("suspended", "over") else ""
    yield f'<g role="img"><title>{_text(told)}</title>'
    yield f'<text x="16" y="{y + 15}">{_text(name)}</text>'
    width = max(3.0, round(end - start, 1))
    yield (
        f'<rect x="{start}" y="{y + 3}" width="{width}" height="15" rx="3" fill="{COLOURS[state]}" '
        f'fill-opacity="{0.25 if dashed else 0.9}" stroke="{COLOURS[state]}"{dashed}/>'
    )
    yield f'<text class="e" x="{WIDTH - RIGHT + 8}" y="{y + 15}">{span.ends:%Y-%m-%d}</text>'
    if word not in ("good", "credential"):
        yield f'<text class="e" x="{min(start + width, WIDTH - RIGHT) + 6}" y="{y + 15}">{word}</text>'
    yield "</g>"


def _state(span: Span, now: datetime) -> tuple[str, str]:
    """The colour's name, and the word that says the same."""
    if span.state is State.LOST:
        return "over", "lost"
    if span.ends <= now:
        return "over", "over"
    if span.state is State.SUSPENDED:
        return "suspended", "suspended"
    if span.ends - now <= NEAR:
        return "near", "ends soon"
    return ("live", "good") if span.kind is Kind.CONSENT else ("credential", "credential")


def _frame(spans: Sequence[Span], now: datetime) -> tuple[datetime, datetime]:
    """From a month ago, or the first beginning within a quarter, to the last end within three years."""
    first = max(min([now - timedelta(days=30), *(span.begins for span in spans)]), now - timedelta(days=120))
    last = min(max([now + timedelta(days=100), *(span.ends for span in spans)]), now + timedelta(days=1100))
    return first, last


def _ticks(first: datetime, last: datetime) -> Iterator[datetime]:
    months = max(1, (last - first).days // 30)
    step = -(-months // MONTHS)
    at = first.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    number = 0
    while at <= last:
        if at >= first and number % step == 0:
            yield at
        number += 1
        at = (at + timedelta(days=32)).replace(day=1)


def _described(spans: Sequence[Span], now: datetime) -> str:
    if not spans:
        return "There is nothing to show."
    words = [_state(span, now)[1] for span in spans]
    bad = [
        f"{span.name} ({word})" for span, word in zip(spans, words, strict=True) if word not in ("good", "credential")
    ]
    first = spans[0]
    said = f"The first to end is {first.name}, on {first.ends:%Y-%m-%d}."
    return said + (f" To look at: {', '.join(bad[:20])}." if bad else " Nothing ends soon.")


def _text(text: str) -> str:
    """Text for XML, without what XML does not allow."""
    return escape("".join(c if c.isprintable() else " " for c in text.encode("utf-8", "replace").decode()))
