"""The Dockerfiles: a linter takes them, what they copy is there, and their locked packages are those that are tested."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from headrace.core.distribution import COMPUTING
from headrace.deploy.kubernetes.options import CACHE_FOLDER
from headrace.deploy.mirror.kubernetes import ROOT as MIRROR_ROOT
from headrace.deploy.pods import USER
from tests.interop.environments import ensure

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "Dockerfile"
MIRROR = ROOT / "deploy" / "mirror.Dockerfile"
TEXT = FILE.read_text()
EXTRAS = ("serving", "files", "signing", "text")


def _locked(name: str) -> set[tuple[str, str]]:
    return set(re.findall(r"^([\w.-]+)==([^\s;\\]+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE))


@pytest.mark.interop
def test_the_linter_takes_them() -> None:
    linter = ensure("kubernetes-validate").with_name("hadolint")
    done = subprocess.run([linter, FILE, MIRROR], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    worse = TEXT.replace("USER 10001:10001", "USER root")
    done = subprocess.run([linter, "-"], input=worse, capture_output=True, text=True, timeout=120, check=False)
    assert "DL3002" in done.stdout, "it sees mistakes"


@pytest.mark.parametrize("file", [FILE, MIRROR], ids=["server", "mirror"])
def test_what_is_copied_is_there_and_is_sent(file: Path) -> None:
    sent = re.findall(r"^!(\S+)$", file.with_name(f"{file.name}.dockerignore").read_text(), re.MULTILINE)
    copied = [word for line in re.findall(r"^COPY (?!--from)(.*) \S+$", file.read_text(), re.MULTILINE) for word in line.split()]
    assert sorted(copied) == sorted(sent)
    assert all((ROOT / name).exists() for name in copied)


def test_it_fits_the_manifests() -> None:
    last = TEXT.rpartition("\nFROM ")[2]
    assert f"USER {USER}:{USER}" in last
    assert f"HEADRACE_CACHE_DIR={CACHE_FOLDER}" in last
    assert 'ENTRYPOINT ["headrace"]' in last
    last = MIRROR.read_text().rpartition("\nFROM ")[2]
    assert f"USER {USER}:{USER}" in last
    assert f"install -d -o {USER} -g {USER} {MIRROR_ROOT}" in last
    assert 'ENTRYPOINT ["headrace"]' in last


def test_its_packages_are_those_that_are_tested() -> None:
    for name in ("serving.txt", "mirror.txt", "build.txt"):
        assert _locked(name) <= _locked("dev.txt"), "run make lock"
        text = (ROOT / "requirements" / name).read_text()
        assert len(re.findall(r"^\S+==.*\\\n    --hash=sha256:", text, re.MULTILINE)) == len(re.findall(r"^\S", text, re.MULTILINE))
        assert "://" not in text


def test_it_has_all_that_serving_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(line for extra in EXTRAS for line in project["optional-dependencies"][extra])]
    locked = {name for name, _ in _locked("serving.txt")}
    assert {Requirement(line).name.lower().replace("_", "-") for line in wanted} <= locked, "run make lock"


def test_the_mirrors_image_has_all_that_it_needs_and_nothing_that_computes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {Requirement(line).name.lower() for line in project["optional-dependencies"]["mirror"]}
    locked = {name for name, _ in _locked("mirror.txt")}
    assert wanted <= locked, "run make lock"
    assert not locked & {*COMPUTING, "protobuf", "google-crc32c"}
