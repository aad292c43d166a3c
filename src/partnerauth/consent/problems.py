"""What a person is told where it went wrong: a title and what they can do; the error itself says the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from partnerauth.errors import (
    AccountBlocked,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvitationOver,
    MfaAbsent,
    MfaMissing,
    MfaUnseen,
    Misconfigured,
    PartnerAuthError,
    PermissionNeeded,
    PolicyBlocked,
    SignInCancelled,
    StoreFailed,
    Tampered,
    Throttled,
    Unreachable,
    WrongCloud,
    WrongPerson,
    WrongTenant,
)
from partnerauth.oauth.codes import REFUSALS

SAME, OTHER, NONE = "same", "other", ""
"""Whether the page offers to start again: as before, with another account, or not."""
UNTOLD = "Tell whoever sent you here what stands below."


@dataclass(frozen=True, slots=True)
class Problem:
    """What is told of one kind of failure."""

    title: str
    advice: str
    status: int = 403
    again: str = SAME


PROBLEMS: tuple[tuple[type[PartnerAuthError], Problem], ...] = (
    (SignInCancelled, Problem("The sign-in was not finished", "Start again, and accept what the sign-in page asks.")),
    (
        InvitationOver,
        Problem("This invitation cannot be used", "Ask whoever sent it to you for a new one.", 410, NONE),
    ),
    (
        PermissionNeeded,
        Problem(
            "An administrator must grant permissions first",
            "Let an administrator of your organization grant them, then start again.",
        ),
    ),
    (
        MfaAbsent,
        Problem(
            "No second factor was part of the sign-in",
            "Register a second factor for this account (an authenticator app, at https://aka.ms/mfasetup), then open "
            "the link again.",
            again=NONE,
        ),
    ),
    (
        MfaUnseen,
        Problem("Nothing shows whether a second factor was part of the sign-in", UNTOLD, again=NONE),
    ),
    (
        WrongTenant,
        Problem(
            "That account belongs to another organization", "Sign in with an account of the one named.", again=OTHER
        ),
    ),
    (WrongPerson, Problem("Somebody else was expected", "Sign in with the account that was expected.", again=OTHER)),
    (WrongCloud, Problem("That account lives in another cloud", UNTOLD, again=OTHER)),
    (
        AccountBlocked,
        Problem(
            "This account cannot sign in now", "Let an administrator of your organization look at it.", again=OTHER
        ),
    ),
    (
        PolicyBlocked,
        Problem(
            "A policy of your organization does not allow this",
            "Let an administrator look at the Conditional Access policies for your account and this application.",
        ),
    ),
    (Tampered, Problem("The answer of the sign-in page was not taken", "Start again from the beginning.")),
    (InvalidClient, Problem("This application could not prove itself", UNTOLD, 502)),
    (InvalidRequest, Problem("The sign-in page did not take the question", UNTOLD, 502)),
    (InvalidGrant, Problem("What the sign-in brought was not accepted", "Start again from the beginning.")),
    (Throttled, Problem("Too many sign-ins at a time", "Wait a while, then start again.", 429)),
    (Unreachable, Problem("The sign-in service could not be reached", "Try again in a few minutes.", 502)),
    (
        StoreFailed,
        Problem(
            "The place where consents are kept does not work", f"Nothing is wrong with your account. {UNTOLD}", 503
        ),
    ),
    (Misconfigured, Problem("This page is not set up rightly", UNTOLD, 503)),
    (PartnerAuthError, Problem("It did not work", UNTOLD)),
)
"""By kind; the first that fits counts."""


def problem_of(error: PartnerAuthError) -> Problem:
    """What is told of this error."""
    return next(problem for kind, problem in PROBLEMS if isinstance(error, kind))


def told(error: PartnerAuthError, *, demanding: bool = False) -> dict[str, Any]:
    """The page for this error, as facts that can be kept; `demanding` says that MFA had been demanded already."""
    problem = problem_of(error)
    row = REFUSALS.get(error.code) if isinstance(error.code, int) else None
    facts: dict[str, Any] = {
        "page": "problem",
        "title": problem.title,
        "advice": problem.advice,
        "status": problem.status,
        "again": problem.again,
        "message": sentence(error.message),
        "hint": error.hint,
        "code": error.code,
        "cause": row.cause if row else "",
        "who": row.actor.value if row else "",
        "correlation_id": error.correlation_id,
        "administrator": isinstance(error, PermissionNeeded),
    }
    if isinstance(error, MfaMissing) and not demanding:
        facts |= {"page": "again", "again": SAME, "status": 403}
    return facts


def unjudged(error: PartnerAuthError) -> dict[str, Any]:
    """The page for a sign-in that could not be judged now and is not lost."""
    advice = "Nothing more: what you left is looked at as soon as that can be done. Whoever sent you here will know."
    return told(error) | {"title": "Your sign-in will be looked at later", "advice": advice, "again": NONE}


def sentence(text: str) -> str:
    """The text as a sentence of its own."""
    begun = text if "@" in text.partition(" ")[0] else text[:1].upper() + text[1:]
    return begun if begun.endswith((".", "…")) else begun + "."


def turned(status: int, title: str, message: str, advice: str) -> Mapping[str, Any]:
    """The page for a request that nothing was done for."""
    return {
        "page": "problem",
        "title": title,
        "advice": advice,
        "status": status,
        "again": NONE,
        "message": message,
        "hint": "",
        "code": None,
        "cause": "",
        "who": "",
        "correlation_id": "",
        "administrator": False,
    }
