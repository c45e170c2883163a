"""Requirements files as people and tools write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.core.errors import InvalidArgumentError
from headrace.mirror.selection.requirements import read_request

A, B = "a" * 64, "b" * 64


def test_files_within_files_pins_and_comments(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "main.txt").write_text(
        "--index-url https://elsewhere.invalid/simple\n"
        "-r sub/more.txt   # the rest\n"
        "-csub/limits.txt\n"
        "Demo_Core[fast] >= 1.0 ; python_version < '3.13'  # comment\n"
        f"pinned==1.0 \\\n    --hash=sha256:{A} \\\n    --hash=sha256:{B.upper()}\n\n"
    )
    (tmp_path / "sub" / "more.txt").write_text("-r ../main.txt\nother==2\n")
    (tmp_path / "sub" / "limits.txt").write_text("other<3\n")
    request = read_request([tmp_path / "main.txt"], [], ["extra==4"])
    assert [asked.project for asked in request.requirements] == ["other", "demo-core", "pinned", "extra"]
    assert [str(asked.requirement) for asked in request.constraints] == ["other<3"]
    assert request.pinned_contents() == {"pinned": frozenset({A, B})}
    assert request.ignored == [f"{tmp_path / 'main.txt'}:1: --index-url"]
    assert request.requirements[2].place == f"{tmp_path / 'main.txt'}:5"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-e ./here", "-e is not for a mirror"),
        ("demo @ https://elsewhere.invalid/demo.whl", "demo is asked for by a URL"),
        ("https://elsewhere.invalid/demo.whl", "is no requirement with a name"),
        ("./demo.whl", "is no requirement with a name"),
        ("demo==1 --hash=md5:00", "is not understood; expected --hash=sha256:"),
        ("demo==1 --global-option=x", "is not understood; expected --hash=sha256:"),
        ("-r missing.txt", "cannot be read"),
        ("--unknown", "--unknown is not for a mirror"),
        ("# nothing", "nothing is asked for"),
    ],
)
def test_what_a_mirror_cannot_follow_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "r.txt").write_text(f"{text}\n")
    with pytest.raises(InvalidArgumentError, match=message):
        read_request([tmp_path / "r.txt"], [], [])


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidArgumentError, match=r"r\.txt cannot be read"):
        read_request([tmp_path / "r.txt"], [], [])
