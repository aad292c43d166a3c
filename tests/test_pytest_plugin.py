"""The fixture of the pytest plugin: a world a test, in process or over TLS; and nothing for those who do not ask."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_docs import ROOT, blocks
from tests.test_public import HEAVY, packages

LOADED = """
import pytest, sys
before = set(sys.modules)
import partnerauth.pytest_plugin
print(sorted(set(sys.modules) - before))
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """An empty suite with our plugin, and no other; warnings are errors there too."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini("[pytest]\naddopts = -p partnerauth.pytest_plugin --strict-markers\nfilterwarnings = error\n")
    return pytester


IN_PROCESS = """
from datetime import UTC, datetime, timedelta

import pytest

from partnerauth import Api, AppOnly, Application, Hidden, Secret
from partnerauth.errors import Throttled
from partnerauth.emulator.default import TENANT, WEB_APP, WEB_APP_SECRET, NATIVE_APP


def source(emulator):
    return AppOnly(Application(WEB_APP, Secret(Hidden(WEB_APP_SECRET))), emulator.cloud.authority("contoso.com"))


def test_a_token(partnerauth_emulator):
    token = partnerauth_emulator.session.token(source(partnerauth_emulator), Api.GRAPH)
    assert token.access_token
    partnerauth_emulator.journal.assert_asked(1, grant_type="client_credentials")


def test_a_fault(partnerauth_emulator):
    partnerauth_emulator.faults.add(service="entra", retry_after=120)
    with pytest.raises(Throttled):
        partnerauth_emulator.session.token(source(partnerauth_emulator), Api.GRAPH)


def test_a_world_a_test(partnerauth_emulator):
    assert partnerauth_emulator.journal.count() == 0
    partnerauth_emulator.world.customers.clear()
    partnerauth_emulator.emulator.reset()
    assert partnerauth_emulator.world.customers


@pytest.mark.partnerauth(policies="today", seed=7, start="2027-01-01T00:00:00Z", frozen=True)
class TestMarked:
    def test_words(self, partnerauth_emulator):
        world = partnerauth_emulator.world
        assert world.policies.mfa_at_the_apis and world.seed == 7
        assert partnerauth_emulator.clock.now() == datetime(2027, 1, 1, tzinfo=UTC)
        partnerauth_emulator.clock.advance(timedelta(days=1))
        partnerauth_emulator.emulator.reset()
        assert partnerauth_emulator.clock.now() == datetime(2027, 1, 1, tzinfo=UTC)

    @pytest.mark.partnerauth(policies="never")
    def test_the_nearest_decides(self, partnerauth_emulator):
        assert partnerauth_emulator.world.policies.mfa_at_the_apis is None
        assert partnerauth_emulator.world.seed == 7


@pytest.mark.partnerauth(world="worlds/china.toml")
def test_a_partner_in_a_national_cloud(partnerauth_emulator):
    token = partnerauth_emulator.session.token(source(partnerauth_emulator), Api.GRAPH)
    assert token.resource == "https://microsoftgraph.chinacloudapi.cn"
    partnerauth_emulator.journal.assert_asked(1, service="login.partner.microsoftonline.cn")


@pytest.mark.partnerauth(world="worlds/small.toml")
def test_a_world_file(partnerauth_emulator):
    assert partnerauth_emulator.world.tenants[TENANT].name == "Smaller"


def test_a_fork_is_a_fixture_of_its_own(partnerauth_emulator):
    fork = partnerauth_emulator.fork()
    fork.clock.advance(timedelta(days=90))
    fork.session.token(source(fork), Api.GRAPH)
    fork.journal.assert_asked(1, grant_type="client_credentials")
    partnerauth_emulator.journal.assert_asked(0)
    assert fork.clock.now() - partnerauth_emulator.clock.now() > timedelta(days=89)
    barrier = fork.barriers.add()
    from partnerauth.messages import Request
    import threading
    request = Request("GET", "https://localhost/contoso.com/.well-known/openid-configuration")
    threading.Thread(target=fork.handle, args=(request,), daemon=True).start()
    barrier.wait(1)


def test_a_held_request_does_not_hold_the_run(partnerauth_emulator):
    import threading
    from partnerauth.messages import Request
    barrier = partnerauth_emulator.barriers.add()
    request = Request("GET", "https://localhost/contoso.com/.well-known/openid-configuration")
    threading.Thread(target=partnerauth_emulator.handle, args=(request,), daemon=True).start()
    barrier.wait(1)
"""


def test_a_world_in_process(suite: pytest.Pytester) -> None:
    suite.mkdir("worlds").joinpath("small.toml").write_text(
        'extends = "contoso"\n[[tenants]]\nid = "aaaabbbb-0000-cccc-1111-dddd2222eeee"\nname = "Smaller"\n'
    )
    suite.path.joinpath("worlds", "china.toml").write_text(
        'extends = "contoso"\n[[tenants]]\nid = "aaaabbbb-0000-cccc-1111-dddd2222eeee"\ncloud = "china"\n'
    )
    suite.makepyfile(IN_PROCESS)

    # In a process of its own: what is imported in this one and then forgotten again, cryptography takes badly.
    suite.runpytest_subprocess().assert_outcomes(passed=9)


SERVED = """
import os, subprocess, sys

PROGRAM = '''
import os
from partnerauth import Api, AppOnly, Application, Hidden, Secret, Session, emulated
from partnerauth.emulator.default import WEB_APP, WEB_APP_SECRET
application = Application(WEB_APP, Secret(Hidden(WEB_APP_SECRET)))
source = AppOnly(application, emulated(os.environ["PARTNERAUTH_CLOUD"]).authority("contoso.com"))
with Session(ca=os.environ["PARTNERAUTH_CA"]) as session:
    print(len(session.token(source, Api.GRAPH).access_token.reveal()) > 100)
'''


def test_a_program(partnerauth_emulator):
    environment = os.environ | partnerauth_emulator.served.environment
    said = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True)
    assert said.stdout == "True\\n", said.stderr
    partnerauth_emulator.journal.assert_asked(1, grant_type="client_credentials", status=200)
    assert partnerauth_emulator.cloud.sign_in == partnerauth_emulator.served.url
    assert partnerauth_emulator.served is partnerauth_emulator.served


def test_a_fork_has_an_address_of_its_own(partnerauth_emulator):
    fork = partnerauth_emulator.fork()
    assert fork.served.url != partnerauth_emulator.served.url


def test_another_world(partnerauth_emulator):
    import urllib.request, ssl
    context = ssl.create_default_context(cafile=partnerauth_emulator.served.ca)
    with urllib.request.urlopen(partnerauth_emulator.served.control + "/journal", context=context) as answer:
        assert answer.status == 200
    partnerauth_emulator.journal.assert_asked(0)
"""


def test_a_world_over_tls(suite: pytest.Pytester) -> None:
    suite.makepyfile(SERVED)

    suite.runpytest_subprocess().assert_outcomes(passed=3)


WRONG = ("'today'", "polices='today'", "policies='tomorrow'", "world='small.toml', seed=1")


def test_a_wrong_marker_is_an_error(suite: pytest.Pytester) -> None:
    tests = "".join(
        f"@pytest.mark.partnerauth({words})\ndef test_{number}(partnerauth_emulator): ...\n"
        for number, words in enumerate(WRONG)
    )
    suite.makepyfile(f"import pytest\n{tests}")

    result = suite.runpytest_subprocess()

    result.assert_outcomes(errors=len(WRONG))
    result.stdout.fnmatch_lines(["*@pytest.mark.partnerauth*"] * len(WRONG))


def test_the_marker_is_explained(suite: pytest.Pytester) -> None:
    suite.runpytest_inprocess("--markers").stdout.fnmatch_lines(["@pytest.mark.partnerauth(world=FILE*"])


def test_the_plugin_loads_nothing_but_itself() -> None:
    """What pytest has not loaded itself."""
    said = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    loaded = set(re.findall(r"'([^']+)'", said.stdout))

    assert loaded == {"partnerauth", "partnerauth.pytest_plugin"}
    assert not packages(loaded) & HEAVY


def test_the_tests_of_the_page_run(suite: pytest.Pytester) -> None:
    """docs/testing.md shows a test file, in the blocks that define tests."""
    page = ROOT / "docs" / "testing.md"
    shown = [block.text for block in blocks(page) if block.language == "python" and "def test_" in block.text]
    assert shown
    Path(suite.path, "renewal.toml").write_text('extends = "contoso"\n')
    suite.makepyfile("\n\n".join(shown))

    result = suite.runpytest_subprocess()

    result.assert_outcomes(passed=sum(text.count("def test_") for text in shown))
