"""At every step of a rotation everything that can go wrong goes wrong once; nobody ever stands without a credential.

After each step the credential that lies in the place works. After the mishap the consent works; the next run succeeds,
and then the directory has what lies in the place, what was told to be leaving, and nothing else.
"""

import contextlib
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from partnerauth.errors import PartnerAuthError
from partnerauth.oauth.credential_end import CredentialKind
from tests.onboarding.workshop import Killed, Mishap, Workshop

SECRET, CERTIFICATE = CredentialKind.SECRET, CredentialKind.CERTIFICATE
SHOPS = [(SECRET, False), (SECRET, True), (CERTIFICATE, False)]


@pytest.fixture(autouse=True)
def _primes_are_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every certificate here is around one key, just made: to try its primes anew takes longer than all the rest."""
    load = partial(serialization.load_pem_private_key, unsafe_skip_rsa_key_validation=True)
    monkeypatch.setattr(serialization, "load_pem_private_key", load)


@pytest.mark.parametrize("mishap", Mishap, ids=lambda mishap: mishap.value)
@pytest.mark.parametrize(("kind", "in_store"), SHOPS, ids=["secret-file", "secret-store", "certificate-file"])
def test_a_mishap_at_every_step(tmp_path: Path, kind: CredentialKind, in_store: bool, mishap: Mishap) -> None:
    first = Workshop(tmp_path / "first", kind, in_store)
    first.rotate()
    steps = first.steps(first.rotation().rotate())  # a second one, that also retires the one before
    struck = 0

    for at, step in enumerate(steps):
        if steps[at - 2 : at] == steps[at : at + 2]:
            continue  # the same question and pause again
        shop = Workshop(tmp_path / f"{at}", kind, in_store)
        shop.rotate()
        with contextlib.suppress(PartnerAuthError, Killed):
            shop.drive(shop.rotation().rotate(), at, mishap)
        if shop.seen[: at + 1] != steps[: at + 1]:
            pytest.fail(f"the steps are others than before: {step}")
        struck += 1
        comes_to_rest(shop)

    assert struck > 18


def comes_to_rest(shop: Workshop) -> None:
    """Whatever happened: all works, and the next runs leave no orphan."""
    assert shop.works(), shop.seen
    assert shop.consent_works(), shop.seen

    outcome = shop.rotate()

    note = shop.note()
    assert outcome.failure is None
    assert note.begun is None
    assert shop.works()
    assert set(shop.registered) == {outcome.key_id} | {one.key_id for one in note.leaving}, shop.seen
    shop.partner.run(shop.rotation().retire(everything=True))
    assert shop.registered == [outcome.key_id]
    assert not shop.note().leaving
    assert shop.works()
    assert shop.consent_works()
