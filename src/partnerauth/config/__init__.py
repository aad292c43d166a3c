"""From flags, variables and files to an application, a store, a source and a session.

What can be set is in `table`, where it is set in `layers`; `Values` is what is in force, and `Settings` what follows
from it.
"""

from partnerauth.config.desk_url import proper_desk_url
from partnerauth.config.directories import FILE, configuration_directory, data_directory
from partnerauth.config.settings import Settings
from partnerauth.config.table import CREDENTIALS, IN_STORE, NOT_FROM_HERE, PREFIX, SETTINGS
from partnerauth.config.values import secret_in
from partnerauth.config.vault import vault_client

__all__ = [
    "CREDENTIALS",
    "FILE",
    "IN_STORE",
    "NOT_FROM_HERE",
    "PREFIX",
    "SETTINGS",
    "Settings",
    "configuration_directory",
    "data_directory",
    "proper_desk_url",
    "secret_in",
    "vault_client",
]
