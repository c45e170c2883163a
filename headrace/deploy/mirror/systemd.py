"""A unit of systemd for a mirror, with as few rights as it needs."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.core.errors import InvalidArgumentError
from headrace.deploy import checks
from headrace.deploy.systemd import command_line, few_rights

DECIDED = frozenset({"root"})
"""Flags of the mirror that the unit itself depends on."""
STATE = "/var/lib/headrace-mirror"
"""What systemd makes for the unit, and gives to its user."""

_GRACE_SECONDS = 25
_SPARE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class MirrorUnit:
    """A mirror on this machine.

    Attributes:
        executable: the path of `headrace`.
        root: the mirror's folder; one other than `STATE` must be there, and be the user's.
        user: runs it; empty for one that systemd makes while it runs, which needs `STATE`.
        memory: a limit, such as `2G`; empty for none.
        flags: of the mirror, such as `--upstream=URL`.

    Raises:
        InvalidArgumentError: a value has another form than is expected.
    """

    executable: str
    root: str = STATE
    user: str = ""
    memory: str = ""
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        checks.path("the executable", self.executable)
        checks.path("the root", self.root)
        checks.user_and_memory(self.user, self.memory)
        if self.root != STATE and not self.user:
            raise InvalidArgumentError(f"the root {self.root} needs a user to whom it belongs: give --user")
        checks.server_flags(self.flags, DECIDED, "the mirror")


def render(unit: MirrorUnit, drain_seconds: float) -> str:
    """The text of the unit.

    Args:
        unit: what is to run.
        drain_seconds: that its flags give it before it ends.
    """
    folder = ["StateDirectory=headrace-mirror", "StateDirectoryMode=0750"]
    if unit.root != STATE:
        folder = [f"ReadWritePaths={unit.root}"]
    lines = [
        "[Unit]",
        "Description=Headrace package mirror",
        "Wants=network-online.target",
        "After=network-online.target",
        f"RequiresMountsFor={unit.root}",
        "StartLimitIntervalSec=300",
        "StartLimitBurst=10",
        "",
        "[Service]",
        "Type=exec",
        f"ExecStart={command_line([unit.executable, 'mirror', 'serve', f'--root={unit.root}', *unit.flags])}",
        "Restart=on-failure",
        "RestartSec=5",
        "KillMode=mixed",
        f"TimeoutStopSec={round(drain_seconds) + _GRACE_SECONDS + _SPARE_SECONDS}",
        *folder,
        "LimitNOFILE=65536",
        *([f"MemoryMax={unit.memory}"] if unit.memory else []),
        "",
        *few_rights(unit.user),
        "MemoryDenyWriteExecute=yes",
        "",
        "[Install]",
        "WantedBy=multi-user.target",
        "",
    ]
    return "\n".join(lines)
