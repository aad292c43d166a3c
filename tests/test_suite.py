"""The suite's own alarms ring: what could not run is never silent, and a secret that got out fails the run."""

import pytest

PLACES = {
    "standard_output": "print(secret)",
    "standard_error": "import sys; sys.stderr.write(secret)",
    "log": "import logging; logging.getLogger('quiet').debug('got %s', secret)",
    "traceback": "raise ValueError(secret)",
    "warning": "import warnings; warnings.warn(secret)",
    "file": "(tmp_path / 'left').write_text(secret)",
    "name_of_file": "(tmp_path / secret.split('\"')[0]).mkdir()",
}
SPELLINGS = {
    "raw": "secret",
    "percent_encoded": "urllib.parse.quote(secret, safe='')",
    "form_encoded": "urllib.parse.urlencode({'refresh_token': secret})",
    "JSON_escaped": "json.dumps({'refresh_token': secret})",
    "HTML_escaped": "html.escape(secret)",
    "repr": "repr(secret.encode())",
    "base64": "base64.b64encode(secret.encode()).decode()",
    "base64_after_one_byte": "base64.b64encode(b':' + secret.encode()).decode()",
    "base64_after_two_bytes": "base64.b64encode(b'a:' + secret.encode()).decode()",
    "base64url": "base64.urlsafe_b64encode(b'id:' + secret.encode()).decode().rstrip('=')",
    "base64_in_lines": "base64.encodebytes(b'x' * 40 + secret.encode()).decode()",
    "hexadecimal": "secret.encode().hex()",
    "wrapped_by_terminal": "'\\n'.join(textwrap.wrap(secret, 10))",
}


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """An empty suite with our plugins, outside CI."""
    monkeypatch.delenv("CI", raising=False)
    pytester.makeconftest('pytest_plugins = ["tests.canaries", "tests.needs"]')
    pytester.makeini("[pytest]\nlog_level = DEBUG\n")
    return pytester


def story(name: str, line: str) -> str:
    """A test that has a secret and does `line`."""
    return f"""
import base64, html, json, textwrap, urllib.parse

def test_{name}(canary, tmp_path):
    secret = canary("token")
    {line}
"""


def test_a_secret_in_any_place_fails_the_run(suite: pytest.Pytester) -> None:
    suite.makepyfile("".join(story(name, line) for name, line in PLACES.items()))

    result = suite.runpytest_inprocess("-Wdefault")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=len(PLACES) - 1, failed=1, errors=1, warnings=1)
    for name in PLACES:
        result.stdout.fnmatch_lines([f"token of *::test_{name} #*: in *"])


def test_a_secret_in_any_spelling_fails_the_run(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        "".join(story(name, f"(tmp_path / 'left').write_text({spelt})") for name, spelt in SPELLINGS.items())
    )

    result = suite.runpytest_inprocess()

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=len(SPELLINGS), errors=1)
    for name in SPELLINGS:
        result.stdout.fnmatch_lines([f"token of *::test_{name} #*: in */left"])


def test_a_finding_does_not_print_the_secret(suite: pytest.Pytester) -> None:
    suite.makepyfile(story("left", "(tmp_path / 'left').write_text(secret)"))

    result = suite.runpytest_inprocess("--basetemp=kept")

    (left,) = (suite.path / "kept").rglob("left")
    assert left.read_text()[:12] not in result.stdout.str()


def test_a_secret_may_be_used_and_be_kept_in_an_allowed_file(suite: pytest.Pytester) -> None:
    suite.makepyfile(story("kept", "canary.allowed(tmp_path / 'settings').write_text(secret)"))

    suite.runpytest_inprocess().assert_outcomes(passed=1)


NEEDY = """
import pytest

@pytest.mark.needs("a-program-that-nobody-has")
def test_needy(): ...

def test_other(): ...
"""


def test_what_could_not_run_is_told(suite: pytest.Pytester) -> None:
    suite.makepyfile(NEEDY)

    result = suite.runpytest_inprocess()

    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "*= COULD NOT RUN =*",
            "*::test_needy: the program a-program-that-nobody-has",
            "*= 1 passed, 1 could not run in *",
        ]
    )


def test_what_could_not_run_fails_under_ci(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    suite.makepyfile(NEEDY)

    result = suite.runpytest_inprocess()

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["could not run: the program a-program-that-nobody-has"])
