"""Settings: which one counts, what a stranger's file may not say, and what is built from them."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from partnerauth.cloud import GLOBAL, Api, Dialect
from partnerauth.config import FILE, NOT_FROM_HERE, SETTINGS, Settings, configuration_directory, data_directory
from partnerauth.consent.user import AppUser
from partnerauth.emulator.default import TENANT, WEB_APP
from partnerauth.errors import CloudClosed, CloudMixed, Misconfigured
from partnerauth.oauth.application import Public, Secret, Stored
from partnerauth.oauth.sources import AppOnly, PasswordUser
from partnerauth.stores.file import FileStore
from partnerauth.stores.memory import MemoryStore
from tests.canaries import Canary
from tests.consent.partner import CUSTOMER, Partner

Load = Callable[..., Settings]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home directory."""
    return tmp_path / "home"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A working directory."""
    directory = tmp_path / "here"
    directory.mkdir()
    return directory


@pytest.fixture
def load(home: Path, here: Path) -> Load:
    """Loads the settings of that home and directory, from flags and variables."""

    def loaded(flags: Mapping[str, str | None] | None = None, **variables: str) -> Settings:
        own = {f"PARTNERAUTH_{name.upper()}": value for name, value in variables.items()}
        return Settings.load(flags or {}, {"HOME": str(home), **own}, here)

    return loaded


def written(directory: Path, text: str) -> Path:
    """A settings file in this directory."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / FILE
    path.write_text(text)
    return path


def test_a_flag_counts_before_a_variable_before_this_directory_before_the_users_own(
    load: Load, home: Path, here: Path
) -> None:
    own = written(home / ".config" / "partnerauth", 'tenant = "own.com"\n')
    assert (load().get("tenant"), load().origins["tenant"]) == ("own.com", str(own))

    written(here, 'tenant = "here.com"\n')
    assert (load().get("tenant"), load().origins["tenant"]) == ("here.com", "./partnerauth.toml")

    assert load(tenant="variable.com").get("tenant") == "variable.com"
    assert load(tenant="variable.com").origins["tenant"] == "the environment"

    given = load({"tenant": "flag.com"}, tenant="variable.com")
    assert (given.get("tenant"), given.origins["tenant"]) == ("flag.com", "the command line")
    assert given.configured["tenant"] == "variable.com", "whose partner this is, where the flag names a customer"


def test_what_is_empty_is_not_set(load: Load, home: Path) -> None:
    written(home / ".config" / "partnerauth", 'tenant = "own.com"\n')

    assert load({"tenant": None, "dialect": ""}, tenant="").get("tenant") == "own.com"


@pytest.mark.parametrize("name", sorted(NOT_FROM_HERE))
def test_where_secrets_go_is_not_said_by_a_file_in_this_directory(
    load: Load, here: Path, home: Path, name: str
) -> None:
    written(here, f'{name} = "anything"\n')

    with pytest.raises(Misconfigured, match=f"names {name}, which a file in the working directory may not") as caught:
        load()

    assert str(configuration_directory()) in caught.value.hint or str(home) in caught.value.hint


@pytest.mark.parametrize("name", sorted(NOT_FROM_HERE & SETTINGS.keys()))
def test_the_users_own_file_may_say_it(load: Load, home: Path, name: str) -> None:
    written(home / ".config" / "partnerauth", f'{name} = "anything"\n')

    assert load().get(name) == "anything"


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16"])
def test_settings_are_read_as_windows_editor_and_shell_write_them(load: Load, home: Path, coding: str) -> None:
    path = written(home / ".config" / "partnerauth", "")
    path.write_text('cloud = "china"\r\n', coding)

    assert load().cloud.name == "china"


def test_the_users_own_file_is_trusted_in_its_own_directory_too(home: Path) -> None:
    """Whoever works in ~/.config/partnerauth."""
    own = written(home / ".config" / "partnerauth", 'cloud = "china"\n')

    assert Settings.load({}, {"HOME": str(home)}, own.parent).cloud.name == "china"


def test_every_setting_is_on_the_reference_page() -> None:
    page = (Path(__file__).resolve().parent.parent / "docs" / "reference.md").read_text()

    assert not [name for name in SETTINGS if f"| `{name}` |" not in page]


def test_directories_follow_the_platforms_custom() -> None:
    variables = {"HOME": "/home/a", "XDG_CONFIG_HOME": "/c", "XDG_DATA_HOME": "/d"}

    assert configuration_directory({"HOME": "/home/a"}) == Path("/home/a/.config/partnerauth")
    assert data_directory({"HOME": "/home/a"}) == Path("/home/a/.local/share/partnerauth")
    assert configuration_directory(variables) == Path("/c/partnerauth")
    assert data_directory(variables) == Path("/d/partnerauth")


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_secret_comes_from_a_variable_or_a_file_and_is_shown_nowhere(
    load: Load, tmp_path: Path, canary: Canary, coding: str
) -> None:
    """Windows' editor writes a mark before UTF-8, and its shell UTF-16."""
    first, second = canary("client secret"), canary("client secret")
    kept = canary.allowed(tmp_path / "secret")
    kept.write_text(second + "\r\n", coding)

    by_variable = load(client_secret=first, client_id=WEB_APP)
    by_file = load(client_secret_file=str(kept), client_id=WEB_APP)

    for settings, expected in ((by_variable, first), (by_file, second)):
        credential = settings.application.credential
        held = credential.read() if isinstance(credential, Stored) else credential
        assert isinstance(held, Secret)
        assert held.value.reveal() == expected
        assert expected not in f"{settings} {settings.application} {vars(settings)['values']}"


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty"), (b"\n", "is empty"), (b"\xff", "is no text file"), (b"x" * 20_000, "is too long")],
)
def test_a_file_that_cannot_be_a_secret_is_told(load: Load, tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "secret").write_bytes(content)

    with pytest.raises(Misconfigured, match=said):
        _ = load(client_secret_file=str(tmp_path / "secret"), client_id=WEB_APP).application


def test_a_secret_file_that_is_not_there_is_told(load: Load, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        _ = load(client_secret_file=str(tmp_path / "nowhere"), client_id=WEB_APP).application


def test_without_a_secret_the_application_is_a_public_client(load: Load) -> None:
    assert isinstance(load(client_id=WEB_APP).application.credential, Public)


def test_a_certificate_that_is_none_is_told(load: Load, tmp_path: Path) -> None:
    key = generate_private_key(SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    for content in (b"-----BEGIN nothing", pem, b"no PFX either"):
        (tmp_path / "certificate").write_bytes(content)
        with pytest.raises(Misconfigured):
            _ = load(certificate=str(tmp_path / "certificate"), client_id=WEB_APP).application


def test_who_asks(load: Load, tmp_path: Path) -> None:
    settings = load(
        client_id=WEB_APP, client_secret="secret", tenant=TENANT, store="memory", username="john@contoso.com"
    )

    app, user = settings.source("app"), settings.source("user")

    assert isinstance(app, AppOnly)
    assert app.authority == GLOBAL.authority(TENANT)
    assert isinstance(user, AppUser)
    assert user.tenant == TENANT
    with pytest.raises(Misconfigured, match="no password is set"):
        settings.source("password")
    by_password = load(client_id=WEB_APP, password="secret", username="john@contoso.com").source("password")
    assert isinstance(by_password, PasswordUser)
    assert by_password.authority.tenant == "organizations"


def test_a_flag_may_name_a_customer_where_the_partner_is_configured(load: Load) -> None:
    """Unless somebody of that tenant has consented too: then it is a partner's own."""
    settings = load({"tenant": CUSTOMER}, client_id=WEB_APP, tenant=TENANT, store="memory")

    user = settings.user(settings.get("tenant"))

    assert (user.tenant, user.customer) == (TENANT, CUSTOMER)
    assert load({"tenant": CUSTOMER}, client_id=WEB_APP, store="memory").user(CUSTOMER).tenant == CUSTOMER


def test_a_flag_may_name_another_partner(load: Load) -> None:
    settings = load(
        {"tenant": TENANT}, client_id=WEB_APP, tenant="fabrikam.com", cloud="https://localhost:8443", store="memory"
    )
    partner = Partner(settings.store, cloud=settings.cloud)
    partner.consent()

    user = settings.user(TENANT)

    assert (user.tenant, user.customer) == (TENANT, "")


def test_where_consents_are_kept(load: Load, home: Path, tmp_path: Path) -> None:
    by_default, by_path, in_memory = load(), load(store=str(tmp_path / "a.db")), load(store="memory")

    by_default.stores.file.check()
    by_path.stores.file.check()

    assert isinstance(by_default.store, FileStore)
    assert (home / ".local" / "share" / "partnerauth" / "store.db").is_file()
    assert (home / ".config" / "partnerauth" / "store.key").is_file(), "not beside the data"
    assert (tmp_path / "a.db").is_file()
    assert by_default.stores.shelf is by_default.stores.file.shelf
    assert isinstance(in_memory.store, MemoryStore)
    assert in_memory.stores.shelf is None
    assert load(store="memory", shelf="file").stores.shelf is not None


def test_a_vault_of_another_cloud_is_refused(load: Load) -> None:
    settings = load(store="https://contoso.vault.azure.cn", client_id=WEB_APP, client_secret="secret", tenant=TENANT)

    with pytest.raises(Misconfigured):
        _ = settings.store


def test_an_api_by_name_or_address(load: Load) -> None:
    settings = load()

    assert {settings.resource(api.value) for api in Api} == set(GLOBAL.apis.values())
    assert settings.resource("https://graph.microsoft.com/v1.0/me") == GLOBAL.resource(Api.GRAPH)
    with pytest.raises(Misconfigured, match="no API 'graphh'") as caught:
        settings.resource("graphh")
    assert caught.value.hint == "Did you mean graph?"
    with pytest.raises(Misconfigured, match="no API") as caught:
        settings.resource("zzz")
    assert "partner-center" in caught.value.hint
    with pytest.raises(CloudMixed):
        settings.resource("https://graph.microsoft.us")


def test_clouds_dialects_and_tenants(load: Load) -> None:
    assert load().cloud == GLOBAL
    assert load(cloud="https://localhost:8443").cloud.emulated
    assert not load(emulated="").cloud.takes_emulated_tokens
    assert load(emulated="1").cloud.takes_emulated_tokens, "an emulator answers by the real names, for this process"
    assert not load(emulated="1").cloud.emulated
    assert load(dialect="v2").dialect is Dialect.V2
    with pytest.raises(Misconfigured, match="no dialect 'v3'"):
        _ = load(dialect="v3").dialect
    with pytest.raises(Misconfigured, match="tenant is not set"):
        load().authority()
    with pytest.raises(CloudClosed):
        load(cloud="germany", tenant=TENANT).authority()
