"""Pages for people: one document, one palette and one set of headers, whoever draws on them. They need no scripts."""

from partnerauth.pages.pages import FILES, HEADERS, Pages

__all__ = ["FILES", "HEADERS", "Pages"]
