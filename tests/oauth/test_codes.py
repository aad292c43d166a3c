"""The rows of the refusals, against what Microsoft's documents and published bodies say."""

import re

import pytest

from partnerauth.errors import (
    AccountBlocked,
    ConsentLost,
    Forbidden,
    InvalidClient,
    InvalidGrant,
    MfaMissing,
    NotFound,
    PartnerAuthError,
    Pending,
    PermissionNeeded,
    PolicyBlocked,
    SignInCancelled,
    Throttled,
    Unauthorized,
    Unavailable,
    WrongCloud,
    WrongTenant,
)
from partnerauth.oauth.codes import REFUSALS, Actor, Mark, Refusal

V1_DIFFERS = "interaction_required"


@pytest.mark.parametrize(
    ("code", "error", "status", "suberror", "v1_error"),
    [
        (50076, "invalid_grant", 400, "basic_action", V1_DIFFERS),
        (50079, "invalid_grant", 400, "basic_action", V1_DIFFERS),
        (53003, "invalid_grant", 400, "message_only", V1_DIFFERS),
        (70043, "invalid_grant", 400, "token_expired", V1_DIFFERS),
        (65001, "invalid_grant", 400, "consent_required", ""),
        (50173, "invalid_grant", 400, "bad_token", ""),
        (700082, "invalid_grant", 400, "", ""),
        (70008, "invalid_grant", 400, "", ""),
        (54005, "invalid_grant", 400, "", ""),
        (50126, "invalid_grant", 400, "", ""),
        (50055, "invalid_grant", 400, "user_password_expired", ""),
        (7000215, "invalid_client", 401, "", ""),
        (7000216, "invalid_client", 401, "", ""),
        (7000218, "invalid_client", 401, "", ""),
        (7000222, "invalid_client", 401, "", ""),
        (700027, "invalid_client", 401, "", ""),
        (70021, "invalid_client", 401, "", ""),
        (650057, "invalid_client", 400, "", ""),
        (700016, "unauthorized_client", 400, "", ""),
        (7000112, "unauthorized_client", 400, "", ""),
        (500011, "invalid_resource", 400, "", ""),
        (70003, "unsupported_grant_type", 400, "", ""),
        (70011, "invalid_scope", 400, "", ""),
        (70016, "authorization_pending", 400, "", ""),
        (70018, "bad_verification_code", 400, "", ""),
        (70020, "expired_token", 400, "", ""),
        (700054, "unsupported_response_type", 400, "", ""),
        (65004, "access_denied", 400, "", ""),
        (90002, "invalid_request", 400, "", ""),
        (900144, "invalid_request", 400, "", ""),
        (901002, "invalid_request", 400, "", ""),
        (9001023, "invalid_request", 400, "", ""),
        (9002313, "invalid_grant", 400, "", ""),
        (50049, "invalid_instance", 400, "", ""),
        (90033, "temporarily_unavailable", 503, "", ""),
    ],
)
def test_the_words_of_the_token_endpoint(code: int, error: str, status: int, suberror: str, v1_error: str) -> None:
    """Error word of both dialects, status and suberror are those that were captured."""
    row = REFUSALS[code]

    assert (row.error, row.status, row.suberror, row.v1_error) == (error, status, suberror, v1_error)
    assert row.word(v1=False) == error
    assert row.word(v1=True) == (v1_error or error)


@pytest.mark.parametrize(
    ("mark", "codes"),
    [
        (Mark.LOST, {700082, 70008, 50173, 700081, 700084}),
        (Mark.SPENT, {70000, 9002313}),
    ],
)
def test_only_expiry_and_revocation_lose_a_consent(mark: Mark, codes: set[int]) -> None:
    """Nothing but expiry and revocation loses a consent, nothing but malformed and unknown spends a token."""
    assert {code for code, row in REFUSALS.items() if row.mark is mark} == codes


@pytest.mark.parametrize(
    "code", [7000222, 7000215, 700027, 53003, 530034, 65001, 90099, 50057, 50053, 7000112, 50076, 50079, 70043]
)
def test_what_heals_by_itself_suspends(code: int) -> None:
    """Secret, policy, consent for one API, a disabled account: the refresh token itself stays good."""
    assert REFUSALS[code].mark is Mark.SUSPENDED


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (50076, MfaMissing),
        (50072, MfaMissing),
        (50078, MfaMissing),
        (50079, MfaMissing),
        (900421, MfaMissing),
        (10001, MfaMissing),
        (700082, ConsentLost),
        (70000, InvalidGrant),
        (65001, PermissionNeeded),
        (65004, SignInCancelled),
        (53003, PolicyBlocked),
        (50057, AccountBlocked),
        (7000222, InvalidClient),
        (90002, WrongTenant),
        (90051, WrongCloud),
        (70016, Pending),
        (70019, SignInCancelled),
        (50196, Throttled),
        (90055, Throttled),
        (90033, Unavailable),
        (900420, Unauthorized),
        (800001, Unauthorized),
        (900329, Forbidden),
        (900308, Forbidden),
        (900309, Forbidden),
        (900150, Forbidden),
        (2032, Forbidden),
        (20002, Forbidden),
        (60003, NotFound),
    ],
)
def test_the_kind_of_error(code: int, kind: type[PartnerAuthError]) -> None:
    """Who catches a kind gets these codes."""
    assert REFUSALS[code].kind is kind


@pytest.mark.parametrize("row", REFUSALS.values(), ids=lambda row: row.label)
def test_every_row_is_complete(row: Refusal) -> None:
    """A row says what happened and one thing to do, in whole sentences that name no code."""
    for text in (row.cause, row.remedy):
        assert re.fullmatch(r"[A-Z].{5,}\.", text)
        assert not re.search(r"AADSTS|\d{5}", text)
    assert row.remedy.count(". ") == 0
    assert bool(row.error) is not row.api
    assert 400 <= row.status <= 504
    assert issubclass(row.kind, PartnerAuthError)
    assert row.v1_error != row.error or row.api


@pytest.mark.parametrize("row", REFUSALS.values(), ids=lambda row: row.label)
def test_the_columns_of_a_row_agree(row: Refusal) -> None:
    """A lost consent needs a person; what may be repeated does not; bad client credentials are a 401."""
    if row.mark in (Mark.LOST, Mark.SPENT) or row.kind is MfaMissing:
        assert row.needs_consent
    if row.actor is Actor.NOBODY:
        assert row.retriable
    if row.status >= 500 and row.actor is not Actor.MICROSOFT:
        assert row.retriable
    if row.status == 401 and not row.api:
        assert row.error == "invalid_client"
    assert not (row.retriable and row.mark in (Mark.LOST, Mark.SPENT))
