"""The files by which an operating system or a cluster runs the watch; no secret stands in any of them.

Sources: systemd.service(5), systemd.exec(5); crontab(5); Microsoft "Task Scheduler schema"; Kubernetes "CronJob".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape


@dataclass(frozen=True, slots=True)
class Unit:
    """What stands in such a file: the program as absolute path and arguments, and settings that are no secret.

    `missing` are names of secrets that the settings in force take from variables: whoever installs the file brings
    them. `minute` is the minute of the hour in which it runs, another one for each application.
    """

    program: Sequence[str]
    settings: Mapping[str, str] = field(default_factory=dict)
    missing: Sequence[str] = ()
    minute: int = 0
    account: str = ""
    image: str = "partnerauth:latest"
    flags: Sequence[str] = ()
    """The settings that have a flag."""

    @property
    def variables(self) -> Mapping[str, str]:
        """The settings as variables."""
        return {f"PARTNERAUTH_{name.upper()}": value for name, value in self.settings.items()}

    @property
    def secrets(self) -> Sequence[str]:
        """The secrets that are missing, as variables."""
        return [f"PARTNERAUTH_{name.upper()}" for name in self.missing]


def systemd(unit: Unit) -> str:
    """A service that stays up."""
    lines = [
        "# /etc/systemd/system/partnerauth-watch.service",
        "# Then: systemctl daemon-reload && systemctl enable --now partnerauth-watch",
        "[Unit]",
        "Description=partnerauth watch: keeps consents alive and tells who must act",
        "Wants=network-online.target",
        "After=network-online.target",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=notify",
        f"ExecStart={' '.join(_systemd(word).replace('$', '$$') for word in (*unit.program, 'watch', '--json'))}",
        "ExecReload=/bin/kill -HUP $MAINPID",
        *([f"User={unit.account}"] if unit.account else []),
        *(f"Environment={_systemd(f'{name}={value}', always=True)}" for name, value in unit.variables.items()),
    ]
    if unit.secrets:
        lines.append(f"# A file that only root can read brings {', '.join(unit.secrets)}, a line NAME=value each:")
        lines.append("# EnvironmentFile=/etc/partnerauth/secrets.env")
    lines += [
        "Restart=always",
        "RestartSec=30",
        "WatchdogSec=15min",
        "TimeoutStopSec=30",
        "UMask=0077",
        "NoNewPrivileges=yes",
        "PrivateTmp=yes",
        "ProtectSystem=full",
        "ProtectKernelTunables=yes",
        "ProtectControlGroups=yes",
        "RestrictSUIDSGID=yes",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return "\n".join(lines) + "\n"


def cron(unit: Unit) -> str:
    """Lines for `crontab -e`: one look an hour. A value with quotes of both kinds is one that the shell alone reads."""
    lined = {name: value for name, value in unit.variables.items() if '"' not in value or "'" not in value}
    given = [f"{name}={_shell(value)}" for name, value in unit.variables.items() if name not in lined]
    command = " ".join([*given, *(_shell(word) for word in (*unit.program, "watch", "--once"))])
    lines = [
        "# partnerauth: one look an hour. What it prints is mailed by cron; see docs/watch.md.",
        *(f"# {name} was a variable: bring it by a file instead; see docs/watch.md." for name in unit.secrets),
        *(f"{name}={_cron(value)}" for name, value in lined.items()),
        f"{unit.minute} * * * * {command.replace('%', chr(92) + '%')}",
    ]
    return "\n".join(lines) + "\n"


def schtasks(unit: Unit) -> str:
    """A task for `schtasks /Create /TN partnerauth-watch /XML FILE`: one look an hour."""
    program, *arguments = unit.program
    given = [(name, value) for name, value in unit.settings.items() if name in unit.flags]
    flags = [word for name, value in given for word in ("--" + name.replace("_", "-"), value)]
    words = " ".join(_windows(word) for word in (*arguments, "watch", "--once", *flags))
    notes = [f"{name} was a variable: bring it by a file instead; see docs/watch.md" for name in unit.secrets]
    notes += [f"set {name} in partnerauth.toml: it has no flag" for name in unit.settings if name not in unit.flags]
    comment = "".join(f"<!-- {escape(note).replace('--', '- -')} -->\n" for note in notes)
    return f"""<?xml version="1.0"?>
<!-- schtasks /Create /TN partnerauth-watch /XML partnerauth-watch.xml -->
{comment}<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>partnerauth watch: keeps consents alive and tells who must act</Description>
    <URI>\\partnerauth-watch</URI>
  </RegistrationInfo>
  <Triggers>
    <TimeTrigger>
      <Repetition>
        <Interval>PT1H</Interval>
        <StopAtDurationEnd>false</StopAtDurationEnd>
      </Repetition>
      <StartBoundary>2026-01-01T00:{unit.minute:02d}:00</StartBoundary>
      <Enabled>true</Enabled>
    </TimeTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <LogonType>S4U</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <RunOnlyIfNetworkAvailable>false</RunOnlyIfNetworkAvailable>
    <Enabled>true</Enabled>
    <ExecutionTimeLimit>PT4H</ExecutionTimeLimit>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{escape(program)}</Command>
      <Arguments>{escape(words)}</Arguments>
    </Exec>
  </Actions>
</Task>
"""


def kubernetes(unit: Unit) -> str:
    """A CronJob: one look an hour. Secrets come from a Secret of the cluster."""
    container: dict[str, Any] = {
        "name": "watch",
        "image": unit.image,
        "command": ["partnerauth", "watch", "--once", "--json"],
        "env": [{"name": name, "value": value} for name, value in unit.variables.items()],
        "envFrom": [{"secretRef": {"name": "partnerauth"}}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "256Mi"}},
        "volumeMounts": [{"name": "state", "mountPath": "/home/partnerauth"}],
    }
    container["env"].append({"name": "HOME", "value": "/home/partnerauth"})
    job = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "partnerauth-watch", "labels": {"app.kubernetes.io/name": "partnerauth"}},
        "spec": {
            "schedule": f"{unit.minute} * * * *",
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 1800,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {
                "spec": {
                    "backoffLimit": 0,
                    "activeDeadlineSeconds": 3300,
                    "template": {
                        "spec": {
                            "restartPolicy": "Never",
                            "automountServiceAccountToken": False,
                            "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "fsGroup": 10001},
                            "containers": [container],
                            "volumes": [{"name": "state", "emptyDir": {}}],
                        }
                    },
                }
            },
        },
    }
    wanted = ", ".join(unit.secrets) or "PARTNERAUTH_CLIENT_SECRET"
    head = [
        "# The cluster's Secret `partnerauth` brings the secrets as variables:",
        f"#   {wanted}",
        "# The store must be one that outlives a pod: postgresql://, a key vault, OpenBao.",
    ]
    return "\n".join([*head, *_yaml(job)]) + "\n"


KINDS: Mapping[str, Callable[[Unit], str]] = {
    "systemd": systemd,
    "cron": cron,
    "schtasks": schtasks,
    "kubernetes": kubernetes,
}


def _systemd(word: str, *, always: bool = False) -> str:
    """A word as systemd.syntax(7) quotes it; `%` begins a specifier."""
    plain = word.replace("%", "%%")
    if not always and plain and all(c.isalnum() or c in "%+,-./:=@_" for c in plain):
        return plain
    escaped = "".join(f"\\{c}" if c in '"\\' else c if c.isprintable() else f"\\x{ord(c) & 0xFF:02x}" for c in plain)
    return f'"{escaped}"'


def _shell(word: str) -> str:
    import shlex

    return shlex.quote(word)


def _cron(value: str) -> str:
    quote = "'" if '"' in value else '"'
    return f"{quote}{' '.join(value.split())}{quote}"


def _windows(word: str) -> str:
    import subprocess

    return subprocess.list2cmdline([word])


def _yaml(value: Any, indent: str = "") -> Iterator[str]:
    """Plain data as YAML: every text is quoted as JSON quotes it, which YAML 1.2 reads alike."""
    items = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    for key, item in items:
        head = f"{indent}{key}:" if key is not None else f"{indent}-"
        if isinstance(item, dict | list) and item:
            lines = list(_yaml(item, indent + "  "))
            if key is None:
                yield f"{head} {lines[0].strip()}"
                yield from lines[1:]
            else:
                yield head
                yield from lines
        else:
            yield f"{head} {json.dumps(item, ensure_ascii=False)}"
