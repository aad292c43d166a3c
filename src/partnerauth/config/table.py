"""What can be set."""

from __future__ import annotations

from collections.abc import Mapping

PREFIX = "PARTNERAUTH_"
"""What the variable of a setting begins with."""

SETTINGS: Mapping[str, str] = {
    "cloud": "global, us-government, china, germany, or an emulator's origin (https://localhost:8443)",
    "tenant": "the partner's tenant: its id or a domain",
    "client_id": "the application (client) id",
    "client_secret_file": "a file with the application's secret, or store (or the variable PARTNERAUTH_CLIENT_SECRET)",
    "certificate": "a PEM or PFX file with the application's certificate and RSA private key, or store",
    "certificate_passphrase_file": "a file with its passphrase (or the variable PARTNERAUTH_CERTIFICATE_PASSPHRASE)",
    "federated_token_file": "a file that a platform keeps fresh with a token of its own, in place of a secret",
    "credentials": "which of these are tried, and in which order: certificate, federated, secret unless set otherwise",
    "redirect_uri": "where the browser comes back to; http://localhost where it is not set",
    "dialect": "v1 (resource=, the default) or v2 (scope=)",
    "store": "file (the default), a path, postgresql://…, a vault's https://…, openbao:https://…, environment, memory",
    "store_key": "where the store's key is: file:PATH, keyring, passphrase, given, vault:https://… (key or secret)",
    "store_passphrase_file": "a file with the store's passphrase (or the variable PARTNERAUTH_STORE_PASSPHRASE)",
    "store_token_file": "a file with the token for OpenBao or Vault (or the variable PARTNERAUTH_STORE_TOKEN)",
    "shelf": "file: keep access tokens in the local file store although consents lie in a key vault",
    "reach": "APIs to ask and try a new consent for, with commas; else partner-center, referrals, graph, management",
    "desk_url": "the consent page's address and redirect URI; https://localhost:44395/ where it is not set",
    "desk_store": "where invitations and sign-ins under way lie; the store, or the usual file where that one is plain",
    "username": "for --as password: the user principal name",
    "password_file": "for --as password: a file with the password (or the variable PARTNERAUTH_PASSWORD)",
    "ca": "a PEM bundle of authorities to trust in place of the system's",
    "sign_in_days": "how many days the directory lets a sign-in last (remembered MFA, sign-in frequency), if known",
    "client_secret_ends": "the day on which the application's secret ends (2027-01-31), for the watch",
    "renew_at_once": "how many consents are renewed at a time; 4",
    "renew_per_minute": "how many tokens a sweep asks for in a minute; 120",
    "alarm_end_days": "how many days before its end a consent is alarmed about; 14",
    "alarm_credential_days": "the same for the application's secret or certificate; 30",
    "alarm_silence_days": "after how many days without a success a consent is alarmed about; 14",
    "alarm_webhook_file": "a file with the address that alarms are posted to (or PARTNERAUTH_ALARM_WEBHOOK)",
    "alarm_webhook_key_file": "a file with the key that signs them (or PARTNERAUTH_ALARM_WEBHOOK_KEY)",
    "alarm_mail_server": "the mail server for alarms: smtps://HOST (TLS) or smtp://HOST (STARTTLS)",
    "alarm_mail_from": "the sender of alarms by mail",
    "alarm_mail_to": "who gets them: addresses, with commas between them",
    "alarm_mail_user": "the mail server's user, if it asks for one",
    "alarm_mail_password_file": "a file with the password (or PARTNERAUTH_ALARM_MAIL_PASSWORD)",
    "alarm_command": "a command that gets alarms as JSON on its standard input",
    "alarm_ca": "a PEM bundle of authorities for webhook and mail server, where it is another one than `ca`",
    "watch_heartbeat_file": "a file with an address that hears hourly from the watch (or PARTNERAUTH_WATCH_HEARTBEAT)",
    "watch_health_file": "a file that the watch writes anew after each look",
    "watch_state_file": "where the watch remembers what it told if the store cannot; else in the data directory",
    "clock": "emulator: live by the emulated world's clock, to rehearse days to come; emulated clouds only",
}
"""Every setting and what it is; the reference page is held against this table."""

NOT_FROM_HERE = frozenset({"cloud", "ca", "clock", "store", "store_key", "shelf"})
NOT_FROM_HERE |= {"store_passphrase_file", "store_token_file", "desk_url", "desk_store"}
NOT_FROM_HERE |= {name for name in SETTINGS if name.startswith(("alarm_", "watch_"))}
"""What a file in the working directory may not say: it decides where secrets go."""
INLINE_SECRETS = {  # names of settings
    "client_secret": "client_secret_file",
    "certificate_passphrase": "certificate_passphrase_file",
    "password": "password_file",
    "store_passphrase": "store_passphrase_file",
    "store_token": "store_token_file",
    "alarm_webhook": "alarm_webhook_file",
    "alarm_webhook_key": "alarm_webhook_key_file",
    "alarm_mail_password": "alarm_mail_password_file",
    "watch_heartbeat": "watch_heartbeat_file",
}
"""What no file may hold, and the setting that names a file for it."""
ONLY_VARIABLES = (
    *("store_passphrase", "store_token", "store_key_value", "refresh_token"),
    *("alarm_webhook", "alarm_webhook_key", "alarm_mail_password", "watch_heartbeat"),
)
CREDENTIALS = {"certificate": "certificate", "federated": "federated_token_file", "secret": "client_secret_file"}
"""The kinds of credentials in the order in which they are tried, and the setting of each."""
IN_STORE = "store"
"""In place of a path: the credential lies in the secret store, sealed as the refresh tokens are."""
