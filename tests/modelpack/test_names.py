"""Names, versions and paths of models."""

from __future__ import annotations

import random

import pytest

from headrace.core.errors import InvalidArgumentError
from headrace.modelpack.files import ModelFile, check_files, check_path
from headrace.modelpack.names import check_name, check_version, highest, order


@pytest.mark.parametrize("name", ["digits", "acme/digits", "a.b_c__d-e--f/g/0", "a" * 200])
def test_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "A", "a/", "/a", "a//b", "../a", "a/..", "a b", "a:b", "a%2f", "é", "a" * 201, "a/" * 80 + "a", "a\n"]
)
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(InvalidArgumentError, match="no name of a model"):
        check_name(name)


@pytest.mark.parametrize("version", ["", ".", "..", ".1", "-1", "a/b", "1:2", "1\n", "1" * 129])
def test_what_is_no_version(version: str) -> None:
    with pytest.raises(InvalidArgumentError, match="no version of a model"):
        check_version(version)


def test_the_order_of_versions() -> None:
    expected = ["0.9", "1-dev1", "1-a1", "1-rc2", "1-rc10", "1", "1.0-beta", "1.0", "1.0.1", "1.2", "1.10", "2", "10", "20260101"]
    shuffled = random.Random(1).sample(expected, len(expected))
    assert sorted(shuffled, key=order) == expected


def test_latest() -> None:
    assert highest([]) is None
    assert highest(["9", "10", "2", "main", "v3"]) == "10"
    assert highest(["alpha", "gamma", "beta"]) == "gamma"
    assert highest(["v1", "v12", "V"]) == "v12"


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "..", "a/../b", "a//b", "./a", "a/", "a\\b", "a\0", "a\nb", "x" * 256, "\ud800", "a/" * 501 + "a"]
)
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(InvalidArgumentError, match="no path of a file"):
        check_path(path)


def test_files() -> None:
    one, two = ModelFile("b/c", "0" * 64, 1), ModelFile("a", "1" * 64, 2)
    assert check_files([one, two]) == (two, one)
    for files, mistake in (
        ([], "1 to 20000 files, not 0"),
        ([one, ModelFile("b/c", "2" * 64, 1)], "same path"),
        ([one, ModelFile("b", "2" * 64, 1)], "another one in a folder of this name"),
    ):
        with pytest.raises(InvalidArgumentError, match=mistake):
            check_files(files)
