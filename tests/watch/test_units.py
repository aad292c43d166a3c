"""The files by which systems run the watch: each is read by a reader of its kind, and none holds a secret."""

import configparser
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from partnerauth.watch.units import KINDS, Unit, cron, kubernetes, schtasks, systemd
from tests.needs import could_not_run

AWKWARD = "page \"the ops\" 100% $HOME 'x' \\ é & <b>"
UNIT = Unit(
    ("/opt/part ner/bin/partnerauth",),
    {"tenant": "contoso.com", "alarm_command": AWKWARD},
    ("client_secret",),
    17,
    "nobody",
    flags=("tenant",),
)
TASK = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"


@pytest.mark.parametrize("kind", KINDS)
def test_each_says_which_secret_is_to_be_brought(kind: str) -> None:
    assert "PARTNERAUTH_CLIENT_SECRET" in KINDS[kind](UNIT)


def test_systemd_reads_its_service(tmp_path: Path) -> None:
    text = systemd(UNIT)
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)

    assert parser["Service"]["Type"] == "notify"
    assert parser["Service"]["ExecStart"] == '"/opt/part ner/bin/partnerauth" watch --json'
    assert parser["Service"]["Environment"].endswith("100%% $HOME 'x' \\\\ é & <b>\"")
    if shutil.which("systemd-analyze") is None:
        could_not_run("systemd-analyze, to read the unit as systemd does")
    unit = tmp_path / "partnerauth-watch.service"
    program = tmp_path / "partnerauth"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit.write_text(systemd(Unit((str(program),), UNIT.settings, UNIT.missing, account="root")))
    said = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert "partnerauth-watch" not in said.stderr, said.stderr


def test_cron_reads_its_lines_and_the_shell_its_command(tmp_path: Path) -> None:
    """Names and values, then five fields and a command; what follows a bare % would be its standard input."""
    program = tmp_path / "part ner 100%" / "partnerauth"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" "$PARTNERAUTH_ALARM_COMMAND"\n')
    program.chmod(0o755)
    given = {**UNIT.settings, "alarm_mail_from": "o'hara@example.com", "username": '"Ops" <b>'}
    variables: dict[str, str] = {}
    jobs: list[str] = []
    for line in cron(replace(UNIT, program=(str(program),), settings=given)).splitlines():
        if line.startswith("#"):
            continue
        # Debian's cron refuses the whole table for a value that goes on after its second quote.
        if found := re.fullmatch(r"([A-Z_]+)=(?:\"([^\"]*)\"|'([^']*)')", line):
            variables[found[1]] = found[2] if found[2] is not None else found[3]
        else:
            jobs.append(line)

    (job,) = jobs
    fields = job.split(maxsplit=5)
    assert fields[:5] == ["17", "*", "*", "*", "*"]
    assert not re.search(r"(?<!\\)%", job)
    said = subprocess.run(
        ["/bin/sh", "-c", fields[5].replace(r"\%", "%")], env=variables, capture_output=True, text=True, check=True
    )
    assert said.stdout.splitlines() == ["watch", "--once", AWKWARD]
    assert variables == {
        "PARTNERAUTH_TENANT": "contoso.com",
        "PARTNERAUTH_ALARM_MAIL_FROM": "o'hara@example.com",
        "PARTNERAUTH_USERNAME": '"Ops" <b>',
    }


def test_the_task_scheduler_reads_its_task() -> None:
    root = ET.fromstring(schtasks(UNIT))

    assert root.findtext(f".//{TASK}Interval") == "PT1H"
    assert root.findtext(f".//{TASK}Command") == "/opt/part ner/bin/partnerauth"
    assert root.findtext(f".//{TASK}Arguments") == "watch --once --tenant contoso.com"
    assert "set alarm_command in partnerauth.toml" in schtasks(UNIT)


def test_kubernetes_reads_its_job() -> None:
    job: dict[str, Any] = yaml.safe_load(kubernetes(UNIT))

    assert not list(strange(job, CRON_JOB, "job")), "the cluster would refuse it"
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "CronJob")
    assert job["spec"]["schedule"] == "17 * * * *"
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["command"] == ["partnerauth", "watch", "--once", "--json"]
    assert {"name": "PARTNERAUTH_ALARM_COMMAND", "value": AWKWARD} in container["env"]
    assert container["envFrom"] == [{"secretRef": {"name": "partnerauth"}}]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    assert pod["automountServiceAccountToken"] is False


CONTAINER = {
    "name": str,
    "image": str,
    "command": [str],
    "env": [{"name": str, "value": str}],
    "envFrom": [{"secretRef": {"name": str}}],
    "securityContext": {
        "allowPrivilegeEscalation": bool,
        "readOnlyRootFilesystem": bool,
        "capabilities": {"drop": [str]},
    },
    "resources": {"requests": {"cpu": str, "memory": str}, "limits": {"memory": str}},
    "volumeMounts": [{"name": str, "mountPath": str}],
}
POD = {
    "restartPolicy": str,
    "automountServiceAccountToken": bool,
    "securityContext": {"runAsNonRoot": bool, "runAsUser": int, "fsGroup": int},
    "containers": [CONTAINER],
    "volumes": [{"name": str, "emptyDir": {}}],
}
JOB = {"backoffLimit": int, "activeDeadlineSeconds": int, "template": {"spec": POD}}
CRON_JOB = {
    "apiVersion": str,
    "kind": str,
    "metadata": {"name": str, "labels": {"app.kubernetes.io/name": str}},
    "spec": {
        "schedule": str,
        "concurrencyPolicy": str,
        "startingDeadlineSeconds": int,
        "successfulJobsHistoryLimit": int,
        "failedJobsHistoryLimit": int,
        "jobTemplate": {"spec": JOB},
    },
}
"""The fields of Kubernetes' API reference (CronJob v1 batch, PodSpec and Container v1 core) that we use."""


def strange(found: Any, known: Any, where: str) -> Iterator[str]:
    """What a reader who takes no unknown field and no other type would complain of."""
    if isinstance(known, dict) and isinstance(found, dict):
        for name, value in found.items():
            if name in known:
                yield from strange(value, known[name], f"{where}.{name}")
            else:
                yield f"{where}.{name}"
    elif isinstance(known, list) and isinstance(found, list):
        for value in found:
            yield from strange(value, known[0], f"{where}[]")
    elif not isinstance(known, type) or type(found) is not known:
        yield f"{where}: {found!r}"
