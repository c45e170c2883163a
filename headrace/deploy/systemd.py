"""A unit of systemd for a model server, with as few rights as it needs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from headrace.deploy import checks

DECIDED = frozenset({"drain_seconds", "model_base_path", "model_config_file", "model_name", "shutdown_grace_seconds"})
"""Flags of the server that the unit itself depends on."""

_SPARE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class SystemdOptions:
    """A server on this machine.

    Attributes:
        executable: the path of `headrace`.
        config_file: the path of a text of a ModelServerConfig.
        models_path: holds the models; it is there for reading only.
        user: runs it; empty for one that systemd makes while it runs.
        grace_seconds: for requests in progress at the end.
        memory: a limit, such as `8G`; empty for none.
        devices: the server may use devices, such as GPUs.
        flags: more flags of the server.

    Raises:
        InvalidArgumentError: a value has another form than is expected.
    """

    executable: str
    config_file: str
    models_path: str
    user: str = ""
    grace_seconds: int = 25
    memory: str = ""
    devices: bool = False
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        checks.path("the executable", self.executable)
        checks.path("the list of models", self.config_file)
        checks.path("the path of the models", self.models_path)
        checks.whole("shutdown_grace_seconds", self.grace_seconds, 1, 3600)
        checks.user_and_memory(self.user, self.memory)
        checks.server_flags(self.flags, DECIDED)


def render(options: SystemdOptions) -> str:
    """The text of the unit."""
    return "\n".join(
        [*_unit(options), "", *_service(options), "", *_rights(options), "", "[Install]", "WantedBy=multi-user.target", ""]
    )


def _unit(options: SystemdOptions) -> list[str]:
    return [
        "[Unit]",
        "Description=Headrace model server",
        "Wants=network-online.target",
        "After=network-online.target",
        f"RequiresMountsFor={options.models_path}",
        "StartLimitIntervalSec=300",
        "StartLimitBurst=10",
    ]


def _service(options: SystemdOptions) -> list[str]:
    command = [
        options.executable,
        "serve",
        f"--model_config_file={options.config_file}",
        f"--shutdown_grace_seconds={options.grace_seconds}",
        *options.flags,
    ]
    return [
        "[Service]",
        "Type=exec",
        f"ExecStart={command_line(command)}",
        "Restart=on-failure",
        "RestartSec=5",
        "KillMode=mixed",
        f"TimeoutStopSec={options.grace_seconds + _SPARE_SECONDS}",
        "CacheDirectory=headrace",
        "Environment=HEADRACE_CACHE_DIR=%C/headrace",
        "LimitNOFILE=65536",
        *([f"MemoryMax={options.memory}"] if options.memory else []),
    ]


def _rights(options: SystemdOptions) -> list[str]:
    return [
        "# What compiled models need is left: memory that is written and then run (MemoryDenyWriteExecute would forbid it).",
        *few_rights(options.user, options.devices),
    ]


def few_rights(user: str, devices: bool = False) -> list[str]:
    """The lines that leave a service the network, the folders that it is given, and little else.

    Args:
        user: runs it; empty for one that systemd makes while it runs.
        devices: it may use devices.
    """
    return [
        *([f"User={user}"] if user else ["DynamicUser=yes"]),
        *([] if devices else ["PrivateDevices=yes", "DevicePolicy=closed"]),
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "AmbientCapabilities=",
        "UMask=0077",
        "ProtectSystem=strict",
        "ProtectHome=read-only",
        "PrivateTmp=yes",
        "ProtectProc=invisible",
        "ProtectClock=yes",
        "ProtectHostname=yes",
        "ProtectControlGroups=yes",
        "ProtectKernelLogs=yes",
        "ProtectKernelModules=yes",
        "ProtectKernelTunables=yes",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
        "RestrictNamespaces=yes",
        "RestrictRealtime=yes",
        "RestrictSUIDSGID=yes",
        "RemoveIPC=yes",
        "LockPersonality=yes",
        "SystemCallArchitectures=native",
        "SystemCallFilter=@system-service",
        "SystemCallErrorNumber=EPERM",
    ]


def command_line(words: Sequence[str]) -> str:
    """Words of a command line as systemd reads them: `%` and `$` stand for themselves, and so does all in quotes."""
    return " ".join(_word(word.replace("%", "%%").replace("$", "$$")) for word in words)


def _word(word: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_.,:/=+@%$-]+", word):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
