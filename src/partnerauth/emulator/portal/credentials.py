"""An app registration's page Certificates & secrets."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime, timedelta

from partnerauth.emulator.portal.applications import at, found
from partnerauth.emulator.portal.ask import Ask, Done, Outcome, Page, Route
from partnerauth.emulator.portal.form import Form
from partnerauth.emulator.rules.spreading import announce
from partnerauth.emulator.world import AppCertificate, AppSecret, Registration, World
from partnerauth.hidden import Hidden

TAB = "secrets"
ENDS = {
    "90": "90 days",
    "180": "180 days (recommended)",
    "365": "12 months",
    "730": "24 months",
    "": "Never, as older documents say; the service of now allows two years at most",
    "on": "On the day named below",
}
LONGEST_PEM = 64 * 1024


def secret_value(world: World) -> Hidden:
    """A new client secret: forty characters, with the three in its beginning that secret scanners look for."""
    text = base64.urlsafe_b64encode(world.bytes(30)).decode()
    return Hidden(f"{text[:3]}8Q~{text[3:37]}")


def thumbprint(certificate: AppCertificate) -> str:
    """The SHA-1 thumbprint, as the portal shows it."""
    return hashlib.sha1(certificate.der, usedforsecurity=False).hexdigest().upper()


def _page(ask: Ask, form: Form | None = None, upload: Form | None = None) -> Page:
    app = found(ask)
    facts = {
        "app": app,
        "tab": TAB,
        "form": form or Form(usual={"ends": "180"}),
        "upload": upload or Form(),
        "ends": ENDS,
        "certificates": [(thumbprint(one), one) for one in app.certificates],
    }
    return Page("app_secrets", facts, max((form or Form()).status, (upload or Form()).status))


def _add_secret(ask: Ask) -> Outcome:
    app, form = found(ask), Form(ask.fields)
    choice = form.choice("ends", ENDS)
    ends: datetime | None = None
    if choice == "on":
        ends = form.day("day")
        if ends is not None and ends <= ask.world.now():
            form.refuse("day", "This day is over already in this world.")
    elif choice:
        ends = ask.world.now() + timedelta(days=int(choice))
    name = form.text("name", "", needed=False, longest=120)
    longest, now = _longest(ask.world, app), ask.world.now()
    if longest is not None and (ends is None or ends - now > longest):
        form.refuse("ends", f"The directory forbids secrets that last longer than {longest.days} days.")
    if form.wrong:
        return _page(ask, form)
    secret = AppSecret(ask.world.guid(), secret_value(ask.world), ends, name, now)
    app.secrets.append(secret)
    announce(ask.world, "secret", app.id, secret.id)
    shown = {"Value": secret.value, "Secret ID": Hidden(secret.id)}
    return Done(at(app, TAB), "Copy the value now: it is shown once. Programs need the value, not the ID.", shown)


def _longest(world: World, app: Registration) -> timedelta | None:
    """The longest that the directory lets a new secret hold; None: as long as it likes."""
    tenant = world.tenants.get(app.tenant)
    return tenant.secrets_last if tenant else None


def _remove_secret(ask: Ask) -> Done:
    app = found(ask)
    app.secrets = [secret for secret in app.secrets if secret.id != ask.fields.get("id")]
    return Done(at(app, TAB), "The secret was removed.")


def _add_certificate(ask: Ask) -> Outcome:
    app, form = found(ask), Form(ask.fields)
    certificate = _read(form, ask.world.now())
    if certificate is not None and certificate.der in [one.der for one in app.certificates]:
        form.refuse("pem", "This certificate is there already.")
    if form.wrong or certificate is None:
        return _page(ask, upload=form)
    app.certificates.append(certificate)
    announce(ask.world, "certificate", app.id, hashlib.sha256(certificate.der).hexdigest())
    return Done(at(app, TAB), "The certificate was added.")


def _read(form: Form, now: datetime) -> AppCertificate | None:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import load_pem_x509_certificate

    pem = form.value("pem").strip()
    if not pem:
        form.refuse("pem", "Paste a certificate: the text from -----BEGIN CERTIFICATE----- to its end.")
    elif "PRIVATE KEY" in pem:
        form.refuse("pem", "A private key is in it, which nobody else may have. Paste only the certificate.")
    elif len(pem) > LONGEST_PEM:
        form.refuse("pem", "This is too long to be a certificate.")
    if form.wrong:
        return None
    try:
        certificate = load_pem_x509_certificate(pem.encode())
        key, ends = certificate.public_key(), certificate.not_valid_after_utc
    except (ValueError, TypeError, UnicodeEncodeError, NotImplementedError):
        key = None
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "cryptography":
            raise
        key = None
    if key is None:
        form.refuse("pem", "This is no certificate in PEM.")
    elif not isinstance(key, RSAPublicKey):
        form.refuse("pem", "The service takes certificates with an RSA key only.")
    elif ends <= now:
        form.refuse("pem", f"This certificate ended on {ends:%d %b %Y}.")
    else:
        return AppCertificate(certificate.public_bytes(Encoding.DER), ends)
    return None


def _remove_certificate(ask: Ask) -> Done:
    app = found(ask)
    wanted = ask.fields.get("thumbprint")
    app.certificates = [one for one in app.certificates if thumbprint(one) != wanted]
    return Done(at(app, TAB), "The certificate was removed.")


ROUTES = (
    Route("GET", f"/portal/apps/{{app}}/{TAB}", _page),
    Route("POST", f"/portal/apps/{{app}}/{TAB}/add", _add_secret),
    Route("POST", f"/portal/apps/{{app}}/{TAB}/remove", _remove_secret),
    Route("POST", "/portal/apps/{app}/certificates/add", _add_certificate),
    Route("POST", "/portal/apps/{app}/certificates/remove", _remove_certificate),
)
