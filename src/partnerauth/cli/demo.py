"""`partnerauth demo`: the whole story against an emulator of its own."""

from __future__ import annotations

import click


@click.command(short_help="The whole story on this machine, step by step, without an account.")
@click.option("--brief", is_flag=True, help="Leave away what was sent and answered.")
def demo(brief: bool) -> None:
    """The whole story on this machine, step by step: what each document of the model describes.

    Starts an emulator of its own in a temporary directory, and needs no account and no network. Exit code 0 only if
    each step really held.
    """
    from partnerauth.cli.stage import Stage
    from partnerauth.cli.story import tell

    with Stage(brief=brief) as stage:
        tell(stage)
        stage.close()
    raise SystemExit(stage.exit_code)
