"""Programs that were written for TensorFlow print the same under `headrace run`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.compat.test_alias import PROGRAM, headrace_run
from tests.interop.environments import clean_environment


@pytest.mark.parametrize("program", [PROGRAM, PROGRAM.with_name("files.py")], ids=lambda path: path.stem)
def test_a_program_prints_the_same(tensorflow_python: Path, program: Path) -> None:
    command = [str(tensorflow_python), str(program)]
    theirs = subprocess.run(command, capture_output=True, text=True, timeout=200, env=clean_environment(), check=True)
    ours = headrace_run(str(program))
    assert ours.returncode == 0, ours.stderr
    assert ours.stdout.splitlines() == theirs.stdout.splitlines()
