"""Where settings come from: the user's own file, the working directory's, variables, the command line.

The working directory's file may be anybody's: it may not say where secrets go, so naming the cloud, an authority to
trust or a store there is an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from partnerauth.config.directories import FILE, configuration_directory
from partnerauth.config.table import INLINE_SECRETS, NOT_FROM_HERE, PREFIX, SETTINGS
from partnerauth.errors import Misconfigured


def layers(
    flags: Mapping[str, str | None], env: Mapping[str, str], directory: Path | None
) -> Iterator[tuple[str, dict[str, str]]]:
    """Each place that settings come from, for people, and what it says; a later one counts more.

    Raises `Misconfigured`, naming the place, for anything that is no setting.
    """
    own = configuration_directory(env) / FILE
    here = (directory or Path.cwd()) / FILE
    yield str(own), _file(own, trusted=True)
    if here.resolve() != own.resolve():
        yield f"./{FILE}", _file(here, trusted=False)
    yield "the environment", {name: env[PREFIX + name.upper()] for name in SETTINGS if env.get(PREFIX + name.upper())}
    yield "the command line", {name: value for name, value in flags.items() if value}


def _file(path: Path, *, trusted: bool) -> dict[str, str]:
    try:
        text = _text(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} cannot be read ({type(error).__name__})") from None
    import tomllib

    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{path} is no TOML: {error}") from None
    values = {}
    for name, value in table.items():
        if name in INLINE_SECRETS:
            raise Misconfigured(
                f"{path} holds a secret ({name})", hint=f"Put it into a file and name that as {INLINE_SECRETS[name]}."
            )
        if name not in SETTINGS:
            import difflib

            near = difflib.get_close_matches(name, SETTINGS, 1)
            raise Misconfigured(
                f"{path} has an unknown setting '{name[:40]}'", hint=f"Did you mean {near[0]}?" if near else ""
            )
        if not isinstance(value, str):
            raise Misconfigured(f"{path}: {name} is no text", hint="Write it in quotes.")
        if not trusted and name in NOT_FROM_HERE:
            raise Misconfigured(
                f"{path} names {name}, which a file in the working directory may not",
                hint=f"Whoever wrote that file could send your secrets elsewhere. If it is yours, move this line to "
                f"{configuration_directory() / FILE}, or use a flag or {PREFIX}{name.upper()}.",
            )
        values[name] = value
    return values


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        from partnerauth.onboarding.holding import decoded  # loaded late: hardly anybody's file needs it

        return decoded(content)
