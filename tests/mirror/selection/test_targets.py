"""Which wheels and markers fit a python and a platform."""

from __future__ import annotations

import sys

import pytest
from packaging.markers import Marker
from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename

from headrace.core.errors import InvalidArgumentError
from headrace.mirror.selection.targets import Target, environments, parse_targets


def fits(filename: str, target: Target) -> bool:
    return not parse_wheel_filename(filename)[3].isdisjoint(target.tags)


@pytest.mark.parametrize(
    ("tag", "fitting"),
    [
        ("py3-none-any", {"linux-x86_64", "linux-aarch64", "macos-arm64", "macos-x86_64", "windows-x86_64", "musllinux-x86_64"}),
        ("cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64", {"linux-x86_64"}),
        ("cp312-cp312-manylinux_2_28_aarch64", {"linux-aarch64"}),
        ("cp312-cp312-musllinux_1_2_x86_64", {"musllinux-x86_64"}),
        ("cp39-abi3-macosx_10_9_universal2", {"macos-arm64", "macos-x86_64"}),
        ("cp312-cp312-macosx_14_0_arm64", {"macos-arm64"}),
        ("cp312-cp312-win_amd64", {"windows-x86_64"}),
        ("cp311-cp311-win_amd64", set()),
        ("cp313-abi3-win_amd64", set()),
        ("cp312-cp312t-win_amd64", set()),
        ("pp310-pypy310_pp73-win_amd64", set()),
        ("cp312-cp312-manylinux_2_99_x86_64", set()),
    ],
)
def test_wheels_fit_their_platforms(tag: str, fitting: set[str]) -> None:
    names = ["linux-x86_64", "linux-aarch64", "macos-arm64", "macos-x86_64", "windows-x86_64", "musllinux-x86_64"]
    found = {name for name in names if fits(f"demo-1.0-{tag}.whl", Target(12, name))}
    assert found == fitting


def test_this_machine_takes_what_its_own_python_takes() -> None:
    (target,) = parse_targets([], [])
    assert target.minor == sys.version_info.minor
    # Tags of older pythons' ABIs and of this very system are the interpreter's own; ours must not lack one of those for wheels.
    own = {str(tag) for tag in sys_tags() if tag.interpreter == f"cp3{target.minor}" and "abi3t" not in tag.abi}
    assert not own - {str(tag) for tag in target.tags}


def test_ranges_and_markers() -> None:
    targets = parse_targets(["3.11-3.12", "3.12"], ["macos-arm64", "linux-x86_64"])
    assert [str(target) for target in targets] == [
        "python 3.11 on linux-x86_64",
        "python 3.11 on macos-arm64",
        "python 3.12 on linux-x86_64",
        "python 3.12 on macos-arm64",
    ]
    linux, mac = targets[:2]
    assert linux.meets(Marker("sys_platform == 'linux' and python_version < '3.12'"))
    assert not mac.meets(Marker("sys_platform == 'linux'"))
    assert linux.meets(Marker("python_full_version < '3.11.4'")), "an early release of 3.11 may be meant"
    assert linux.suits(">=3.11.5")
    assert not linux.suits(">=3.12")
    assert linux.suits("damaged")
    pythons = "python_full_version >= '3.11' and python_full_version < '3.13'"
    assert environments(targets) == [
        f"sys_platform == 'darwin' and platform_machine == 'arm64' and {pythons}",
        f"sys_platform == 'linux' and platform_machine == 'x86_64' and {pythons}",
    ]


@pytest.mark.parametrize("text", ["2.7", "3", "3.13-3.11", "3.11-", "cp311", "3.1111"])
def test_what_is_no_python_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError, match="is no version of Python"):
        parse_targets([text], [])


def test_what_is_no_platform_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="'linux' is no platform that is known; expected one of linux-aarch64"):
        parse_targets([], ["linux"])
