"""`partnerauth consent reinstate`, as it is run."""

from datetime import datetime

from partnerauth.emulator.default import ADMIN_AGENT, JOHN, TENANT
from tests.cli.shell import Place, Shell


def replaced(shell: Shell, place: Place) -> None:
    """John's consent has taken the place of the admin agent's."""
    shell.consent()
    place.signed_in(JOHN)
    assert shell.browsing(JOHN).run("consent", "--replace").code == 0


def test_it_shows_what_was_set_aside_asks_and_puts_it_back(shell: Shell, place: Place) -> None:
    replaced(shell, place)

    (row,) = shell.run("consent", "reinstate", "--list", "--json").value
    assert (row["user"], row["tenant"], row["mfa"]) == (ADMIN_AGENT, TENANT, "shown")
    assert datetime.fromisoformat(row["set_aside_at"]) >= datetime.fromisoformat(row["consented_at"])
    listed = shell.run("consent", "reinstate", "--list")
    assert ADMIN_AGENT in listed.out

    refused = shell.run("consent", "reinstate", typed="n\n")
    assert refused.code == 1
    assert f"Put the consent of {ADMIN_AGENT} for {TENANT} back in force" in refused.err
    unasked = shell.run("consent", "reinstate", "--json")
    assert (unasked.code, unasked.failure["hint"]) == (2, "Add --yes.")
    assert shell.run("status", "--json").value[0]["user"] == JOHN

    done = shell.run("consent", "reinstate", "--tenant", "contoso.com", "--person", ADMIN_AGENT, "--yes", "--json")
    assert done.code == 0, done.err
    assert (done.value["user"], done.value["mfa"], done.value["set_aside_at"]) == (
        ADMIN_AGENT,
        "shown",
        row["set_aside_at"],
    )
    assert done.value["apis"][0]["open"]
    assert shell.run("status", "--json").value[0]["user"] == ADMIN_AGENT
    assert [one["user"] for one in shell.run("consent", "reinstate", "--list", "--json").value] == [JOHN]


def test_where_nothing_was_set_aside_or_for_somebody_else(shell: Shell, place: Place) -> None:
    none = shell.run("consent", "reinstate", "--yes", "--json")
    assert (none.code, none.failure["error"]) == (3, "NoConsent")
    assert shell.run("consent", "reinstate", "--list").out == "No consent was set aside.\n"
    assert shell.run("consent", "reinstate", "--list", "--json").value == []

    replaced(shell, place)
    assert shell.run("consent", "reinstate", "--person", JOHN, "--yes").code == 3
    assert shell.run("consent", "reinstate", "--tenant", "fabrikam.com", "--yes").code in (3, 5)
    assert shell.run("status", "--json").value[0]["user"] == JOHN


def test_one_that_was_revoked_stays_where_it_is(shell: Shell, place: Place) -> None:
    replaced(shell, place)
    found = place.emulator.world.person(ADMIN_AGENT)
    assert found is not None
    found[1].valid_from = place.emulator.world.now()

    lost = shell.run("consent", "reinstate", "--yes", "--json")

    assert (lost.code, lost.failure["code"]) == (3, 50173)
    assert shell.run("status", "--json").value[0]["user"] == JOHN
