"""A browser for programs that open one, where the emulator signs everybody in by itself: `python -m … LINK`.

It follows a sign-in link to the redirect address and brings the answer there, in the background: a program that waits
for its browser to end before it listens would wait for ever.
"""

from __future__ import annotations

import subprocess
import sys
import urllib.parse
import urllib.request

HERE = "--here"
PATIENCE = 30.0


def main(arguments: list[str]) -> None:
    """Bring back what the sign-in at the link in `arguments` leads to; with `--here` before it, not in the background.

    Raises `Refused` where the sign-in asks for more than this browser knows, and what the carrier raises.
    """
    if arguments[0] != HERE:
        itself = [sys.executable, "-m", "partnerauth.cli.emulator_browser", HERE, *arguments]
        subprocess.Popen(itself, start_new_session=True)  # noqa: S603  # ourselves
        return
    from partnerauth.carriers.pooled import SyncCarrier
    from partnerauth.carriers.trust import Trust
    from partnerauth.cli.person import Person
    from partnerauth.hidden import Hidden

    link = arguments[1]
    asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(link).query))
    redirect_uri = asked.get("redirect_uri", "")
    carrier = SyncCarrier(Trust())
    fields = urllib.parse.urlencode(Person("", Hidden(""), carrier.send).sign_in(link, redirect_uri))
    carrier.close()
    if urllib.parse.urlsplit(redirect_uri).scheme != "http":
        return  # a program of one's own cannot be listening there without a certificate
    to_post = asked.get("response_mode") == "form_post"
    target = redirect_uri if to_post else f"{redirect_uri}?{fields}"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(target, fields.encode() if to_post else None, timeout=PATIENCE) as answer:
        answer.read()


if __name__ == "__main__":
    main(sys.argv[1:])
