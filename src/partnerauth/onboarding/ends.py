"""When our credentials end: from the certificate itself, from what we noted, and once more from the directory."""

from __future__ import annotations

from collections.abc import Iterable

from partnerauth.clock import Clock
from partnerauth.flow import Flow, work
from partnerauth.oauth.application import Certificate, Credential, Secret
from partnerauth.oauth.credential_end import CredentialEnd, CredentialKind, KnownFrom
from partnerauth.onboarding.directory import Directory, Registered, Registration, thumbprint
from partnerauth.onboarding.holding import Holding
from partnerauth.onboarding.notebook import Known, Note, Notebook


def known_ends(holdings: Iterable[Holding], notebook: Notebook) -> Flow[list[CredentialEnd]]:
    """When each ends, in their order, without asking the directory. Raises `StoreFailed`, `Misconfigured`."""
    note = yield from notebook.read()
    found = []
    for holding in holdings:
        found.append((yield from _end(holding, notebook, note)))  # noqa: PERF401  # a comprehension cannot ask
    return found


def looked_up(
    holdings: Iterable[Holding], notebook: Notebook, directory: Directory, clock: Clock
) -> Flow[Registration]:
    """Look at the app registration, and note what it says of our credentials. Raises as `Directory.find` does."""
    registration = yield from directory.find()
    note = yield from notebook.read()
    for holding in holdings:
        if holding.kind is CredentialKind.FEDERATED:
            continue
        credential = yield from work("credential", holding.read)
        there = registered_as(credential, registration, note, notebook, clock)
        if there is not None:
            mark = fingerprint(credential, notebook)
            note = note.knowing(Known(there.kind, there.key_id, there.ends, KnownFrom.DIRECTORY, mark))
    yield from notebook.write(note.changed(object_id=registration.object_id))
    return registration


def registered_as(
    credential: Credential, registration: Registration, note: Note, notebook: Notebook, clock: Clock
) -> Registered | None:
    """The entry of a credential of ours in the app registration; None where that cannot be told."""
    now = clock.now()
    if isinstance(credential, Certificate):
        return registration.certificate(credential, now)
    if not isinstance(credential, Secret):
        return None
    noted = note.find(CredentialKind.SECRET, fingerprint(credential, notebook))
    there = registration.find(CredentialKind.SECRET, noted.key_id) if noted is not None else None
    return there or registration.secret(credential.value, now)


def fingerprint(credential: Credential, notebook: Notebook) -> str:
    """What tells this credential from others and gives nothing away; comparable within one store."""
    if isinstance(credential, Certificate):
        return thumbprint(credential)
    return notebook.store.fingerprint(credential.value) if isinstance(credential, Secret) else ""


def _end(holding: Holding, notebook: Notebook, note: Note) -> Flow[CredentialEnd]:
    kind, where = holding.kind, holding.where
    if kind is CredentialKind.FEDERATED:
        return CredentialEnd(kind, where, known_from=KnownFrom.ISSUER)
    credential = yield from work("credential", holding.read)
    mark = yield from work("fingerprint", lambda: fingerprint(credential, notebook))
    noted = note.find(kind, mark)
    key_id = noted.key_id if noted is not None else ""
    if isinstance(credential, Certificate):
        begins = credential.certificate.not_valid_before_utc
        return CredentialEnd(kind, where, key_id, credential.ends, KnownFrom.CERTIFICATE, begins)
    if noted is None:
        return CredentialEnd(kind, where)
    return CredentialEnd(kind, where, key_id, noted.ends, noted.source)
