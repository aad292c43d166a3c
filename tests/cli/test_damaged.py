"""The commands over a store with one damaged entry."""

import json
import sqlite3
from contextlib import closing

from tests.cli.shell import Shell


def test_the_others_are_shown_and_renewed_and_the_exit_code_says_that_the_store_is_damaged(shell: Shell) -> None:
    shell.consent()
    (before,) = shell.run("status", "--json").value
    with closing(sqlite3.connect(shell.store)) as connection, connection:
        connection.execute("INSERT INTO entry SELECT 'a-copy', version, tags, sealed FROM entry")

    renewed = shell.run("renew", "--json")
    status = shell.run("status", "--json")

    assert (renewed.code, status.code) == (7, 7)
    assert renewed.failure["error"] == "StoreCorrupt"
    assert "store verify" in renewed.failure["hint"]
    (row,) = json.loads(renewed.out)
    assert row["exit_code"] == 0
    (after,) = status.value
    assert after["last_attempt_at"] > before["last_attempt_at"]
