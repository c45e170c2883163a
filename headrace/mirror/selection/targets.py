"""The pythons and platforms that files are chosen for."""

from __future__ import annotations

import platform
import re
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from packaging.markers import Marker
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms

from headrace.core.errors import InvalidArgumentError

_NEWEST_GLIBC = 60
_NEWEST_MUSL = 9
_NEWEST_MACOS = (30, 0)
"""The newest systems whose wheels are taken, years ahead: glibc 2.60, musl 1.9, macOS 30."""
_PYTHONS = re.compile(r"3\.(\d{1,2})(?:-3\.(\d{1,2}))?")
_RELEASES = (0, 99)
"""The first and the last release of a minor version: what holds for one of them may hold for the python of the target."""


@dataclass(frozen=True, slots=True)
class _Platform:
    """What markers see of a platform."""

    os_name: str
    sys_platform: str
    system: str
    machine: str


_MACHINES = ("x86_64", "aarch64", "armv7l", "ppc64le", "s390x", "riscv64")
_LINUX = {name: _Platform("posix", "linux", "Linux", name) for name in _MACHINES}
_PLATFORMS = {
    **{f"linux-{name}": each for name, each in _LINUX.items()},
    **{f"musllinux-{name}": each for name, each in _LINUX.items()},
    **{f"macos-{name}": _Platform("posix", "darwin", "Darwin", name) for name in ("arm64", "x86_64")},
    "windows-x86_64": _Platform("nt", "win32", "Windows", "AMD64"),
    "windows-arm64": _Platform("nt", "win32", "Windows", "ARM64"),
}


@dataclass(frozen=True)
class Target:
    """One CPython on one platform.

    Attributes:
        minor: of the version: 12 of 3.12.
        platform: such as `linux-x86_64`.
    """

    minor: int
    platform: str

    def __str__(self) -> str:
        return f"python 3.{self.minor} on {self.platform}"

    @cached_property
    def tags(self) -> frozenset[Tag]:
        """Those of the wheels that it can install."""
        return _tags(self.minor, self.platform)

    def meets(self, marker: Marker | None) -> bool:
        """True when the marker of a requirement holds for some release of this python."""
        return marker is None or any(marker.evaluate(self._environment(release)) for release in _RELEASES)

    def suits(self, requires_python: object) -> bool:
        """True when a file's requires-python lets some release of this python in. A damaged one says nothing, as for pip."""
        if not isinstance(requires_python, str) or not requires_python:
            return True
        try:
            wanted = SpecifierSet(requires_python)
        except InvalidSpecifier:
            return True
        return any(wanted.contains(f"3.{self.minor}.{release}") for release in _RELEASES)

    def _environment(self, release: int) -> dict[str, str]:
        found = _PLATFORMS[self.platform]
        return {
            "implementation_name": "cpython",
            "implementation_version": f"3.{self.minor}.{release}",
            "os_name": found.os_name,
            "platform_machine": found.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": found.system,
            "platform_version": "",
            "python_full_version": f"3.{self.minor}.{release}",
            "python_version": f"3.{self.minor}",
            "sys_platform": found.sys_platform,
            "extra": "",
        }


def parse_targets(pythons: Sequence[str], platforms: Sequence[str]) -> list[Target]:
    """All pythons on all platforms; this machine's where none are given.

    Args:
        pythons: each as `3.12` or `3.11-3.13`.
        platforms: each as `linux-x86_64`.

    Raises:
        InvalidArgumentError: one of them is not known.
    """
    minors = sorted({minor for text in pythons or (f"3.{sys.version_info.minor}",) for minor in _minors(text)})
    names = sorted(set(platforms)) or [_this_platform()]
    for name in names:
        if name not in _PLATFORMS:
            raise InvalidArgumentError(f"{name!r} is no platform that is known; expected one of {', '.join(sorted(_PLATFORMS))}")
    return [Target(minor, name) for minor in minors for name in names]


def environments(targets: Sequence[Target]) -> list[str]:
    """The markers of the targets' platforms, one for each, within the pythons from the first to the last."""
    lowest, highest = (bound(target.minor for target in targets) for bound in (min, max))
    pythons = f"python_full_version >= '3.{lowest}' and python_full_version < '3.{highest + 1}'"
    found = {_PLATFORMS[target.platform] for target in targets}
    return sorted(f"sys_platform == '{e.sys_platform}' and platform_machine == '{e.machine}' and {pythons}" for e in found)


def _minors(text: str) -> Iterator[int]:
    match = _PYTHONS.fullmatch(text.strip())
    if match is None or (match[2] is not None and int(match[2]) < int(match[1])):
        raise InvalidArgumentError(f"{text!r} is no version of Python; expected one such as 3.12, or a range such as 3.11-3.13")
    yield from range(int(match[1]), int(match[2] or match[1]) + 1)


def _this_platform() -> str:
    system = {"Linux": "linux", "Darwin": "macos", "Windows": "windows"}.get(platform.system(), platform.system().lower())
    machine = platform.machine()
    if system == "linux" and "musl" in str(sysconfig.get_config_var("HOST_GNU_TYPE")):
        system = "musllinux"
    return f"{system}-{ {'AMD64': 'x86_64', 'ARM64': 'arm64'}.get(machine, machine) }"


@lru_cache(maxsize=256)
def _tags(minor: int, name: str) -> frozenset[Tag]:
    platforms = list(_platform_tags(*name.split("-", 1)))
    version = (3, minor)
    return frozenset(
        [
            *cpython_tags(version, [f"cp3{minor}"], platforms),
            *compatible_tags(version, f"cp3{minor}", platforms),
        ]
    )


def _platform_tags(system: str, machine: str) -> Iterator[str]:
    """The platform tags of wheels, by what PEP 600, 656 and 425 call them."""
    if system == "linux":
        for minor in range(_NEWEST_GLIBC, 4, -1):
            yield f"manylinux_2_{minor}_{machine}"
        yield from (f"{old}_{machine}" for old in ("manylinux2014", "manylinux2010", "manylinux1", "linux"))
    elif system == "musllinux":
        yield from (f"musllinux_1_{minor}_{machine}" for minor in range(_NEWEST_MUSL, -1, -1))
        yield f"linux_{machine}"
    elif system == "macos":
        yield from mac_platforms(_NEWEST_MACOS, machine)
    else:
        yield {"x86_64": "win_amd64", "arm64": "win_arm64"}[machine]
