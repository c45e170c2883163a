"""Version directories."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.core.errors import NotFoundError
from headrace.serving.storage import Latest, fingerprint, list_versions, parse_version


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("1", 1),
        ("00000123", 123),
        ("0", 0),
        ("9223372036854775807", 2**63 - 1),
        ("0009223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("9" * 5000, None),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("1.0", None),
        ("1e3", None),
        (" 1", None),
        ("v1", None),
        ("1.tmp", None),
        ("\u0661", None),
        ("\u00b2", None),
    ],
)
def test_a_version_is_an_int64_in_plain_digits(name: str, version: int | None) -> None:
    assert parse_version(name) == version


def test_only_numbered_directories_count(tmp_path: Path) -> None:
    for name in ("1", "007", "tmp-3", ".hidden"):
        (tmp_path / name).mkdir()
    (tmp_path / "9").write_text("a file")
    (tmp_path / "4").symlink_to(tmp_path / "1", target_is_directory=True)
    assert list_versions(tmp_path) == {1: tmp_path / "1", 7: tmp_path / "007", 4: tmp_path / "4"}


def test_two_names_of_one_number_are_one_version(tmp_path: Path) -> None:
    (tmp_path / "01").mkdir()
    (tmp_path / "1").mkdir()
    assert list_versions(tmp_path) == {1: tmp_path / "1"}


def test_a_missing_base_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"could not find base path .*nowhere"):
        list_versions(tmp_path / "nowhere")
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(NotFoundError, match="base path"):
        list_versions(file)


def test_the_fingerprint_tells_of_growth_of_new_and_of_missing_files(tmp_path: Path) -> None:
    seen = {fingerprint(tmp_path)}
    (tmp_path / "variables").mkdir()
    data = tmp_path / "variables" / "data"
    data.write_bytes(b"1")
    seen.add(fingerprint(tmp_path))
    data.write_bytes(b"12")
    seen.add(fingerprint(tmp_path))
    (tmp_path / "more").write_bytes(b"")
    seen.add(fingerprint(tmp_path))
    assert len(seen) == 4
    assert fingerprint(tmp_path) == fingerprint(tmp_path)


def test_latest_takes_the_highest() -> None:
    assert Latest().choose([3, 10, 2]) == {10}
    assert Latest(2).choose([3, 10, 2]) == {10, 3}
    assert Latest(0).choose([3]) == {3}
    assert Latest(5).choose([]) == set()
