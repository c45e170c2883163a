"""Runs Keras's own tests on Headrace: those that pass on real TensorFlow (keras_baseline.txt), and writes docs/conformance.md.

    python -m tests.conformance.keras_suite [--quick] [--resume | --failed] [--jobs N] [PART ...]

A part is a folder of keras/src, such as `layers`; all of them by default. `--quick` leaves out the tests that take TensorFlow half
a second or more, `--resume` keeps what earlier runs found, `--failed` runs again what did not pass in them. Results are kept under
`$XDG_CACHE_HOME/headrace/conformance`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from tests.conformance import keras_page
from tests.interop import environments

ROOT = Path(__file__).parents[2]
BASELINE = Path(__file__).with_name("keras_baseline.txt")
KERAS = "3.15.1"
BESIDE = (
    "pytest>=8.3",
    "pytest-timeout>=2.3",
    "pandas",
    "scikit-learn",
    "orbax-checkpoint",
    "grain",
    "requests",
    "tensorboard",
    "dm-tree",
)
"""What Keras's tests import besides Keras and what Headrace needs."""
TORCH = "torch==2.13.0"
"""For the tests that compare with it; taken by pip, since a machine may keep it where uv does not look; left out if not found."""
TEST_SECONDS = 300


def baseline(quick: bool = False) -> dict[str, str]:
    """The ids of the tests that pass on real TensorFlow, each with its part; a `!` in the file marks the slow ones."""
    found, stem = {}, ""
    for line in BASELINE.read_text().splitlines():
        name = line.strip().removesuffix(" !")
        if not line.startswith(" "):
            stem = name
        elif not (quick and line.endswith(" !")):
            found[f"{stem}::{name}"] = stem.split("/")[2]
    return found


def environment() -> Path:
    """The Python of an environment with Keras, what its tests import, and what Headrace needs, but not Headrace itself."""
    folder = environments.folder("keras-suite")
    python, stamp = folder / "bin" / "python", folder / environments.STAMP
    wanted = f"{KERAS} {BESIDE} {TORCH} {(ROOT / 'pyproject.toml').read_text().partition('[tool.')[0]}"
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    uv = str(Path(sys.executable).with_name("uv"))
    extras = [option for extra in ("keras", "image", "text", "files") for option in ("--extra", extra)]
    needed = [f"keras=={KERAS}", *BESIDE]
    subprocess.run([uv, "venv", "--quiet", "--clear", "--seed", "--python", sys.executable, str(folder)], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", str(python), "--requirements", str(ROOT / "pyproject.toml")]
    subprocess.run([*install, *extras, *needed], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", TORCH], check=False)
    stamp.write_text(wanted)
    return python


def run(python: Path, wanted: Sequence[str], folder: Path) -> None:
    """Runs tests in one process, and again without the one that ended it; results go to `folder`."""
    site = Path(subprocess.run([python, "-c", "import keras; print(keras.__path__[0])"], capture_output=True, text=True, check=True,
                               env=os.environ | {"KERAS_BACKEND": "numpy"}).stdout.strip()).parent  # fmt: skip
    left = list(wanted)
    while left:
        ids = folder / f"ids-{os.getpid()}-{left[0].replace('/', '.').replace(':', '_')[:80]}.txt"
        ids.write_text("\n".join(left))
        files = sorted({test.partition("::")[0] for test in left})
        options = ["-q", "-p", "tests.conformance.keras_plugin", "-p", "no:cacheprovider", "-o", "addopts=", "-c", os.devnull]
        limits = [f"--timeout={TEST_SECONDS}", "--continue-on-collection-errors", f"--rootdir={site}"]
        kept = {"PYTHONPATH": str(ROOT), "KERAS_TESTS": str(ids), "KERAS_BACKEND": "tensorflow", "KERAS_HOME": str(folder / "home")}
        with ids.with_suffix(".log").open("w") as log:
            command = [str(python), "-m", "pytest", *options, *limits, *files]
            code = subprocess.run(
                command, cwd=site, env=os.environ | kept, stdout=log, stderr=subprocess.STDOUT, check=False
            ).returncode
        done = keras_page.results(folder)
        left = [test for test in left if test not in done]
        lost, why = _lost(left, ids.with_suffix(".running"), ended=code not in _TO_THE_END)
        for test in lost:
            keras_page.note(folder, test, why)
        left = [test for test in left if test not in lost]


_TO_THE_END = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)


def _lost(left: Sequence[str], running: Path, ended: bool) -> tuple[list[str], str]:
    """Of the tests without a result those that will have none, and why."""
    if not ended:
        return list(left), "pytest found no test of this name"
    last = running.read_text() if running.exists() else ""
    if last in left:
        return [last], "the test ended the process"
    return [
        test for test in left if test.partition("::")[0] == left[0].partition("::")[0]
    ], "the process ended while it read the file"


def spread(tests: Iterable[str], jobs: int) -> list[list[str]]:
    """Tests in so many heaps, those of a file together."""
    files: dict[str, list[str]] = {}
    for test in tests:
        files.setdefault(test.partition("::")[0], []).append(test)
    heaps: list[list[str]] = [[] for _ in range(jobs)]
    for group in sorted(files.values(), key=len, reverse=True):
        min(heaps, key=len).extend(group)
    return [heap for heap in heaps if heap]


def main() -> int:
    """Runs what the command line asks for; 1 when less than 97 % pass."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--failed", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--heap", nargs=2, metavar=("FOLDER", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    python = environment()
    if options.heap:
        run(python, Path(options.heap[1]).read_text().split("\n"), Path(options.heap[0]))
        return 0
    known = baseline(options.quick)
    folder = environments.folder("keras-suite").parent.parent / "conformance" / "keras"
    folder.mkdir(parents=True, exist_ok=True)
    if not (options.resume or options.failed):
        for file in folder.glob("*.*"):
            file.unlink()
        (folder / "origin.txt").write_text(f"one run of commit {_commit()}")
    elif options.failed:
        with (folder / "origin.txt").open("a") as file:
            file.write(f"; what failed there was run again on {_commit()}")
    else:
        (folder / "origin.txt").write_text("several runs (`--resume`), not all of one commit")
    done = keras_page.results(folder)
    ended = {test for test, result in done.items() if not options.failed or result["outcome"] == "passed"}
    tests = [test for test, part in known.items() if test not in ended and (not options.parts or part in options.parts)]
    started = time.monotonic()
    workers = []
    for number, heap in enumerate(spread(tests, options.jobs)):
        file = folder / f"heap-{number}.txt"
        file.write_text("\n".join(heap))
        command = [sys.executable, "-m", "tests.conformance.keras_suite", "--heap", str(folder), str(file)]
        workers.append(subprocess.Popen(command, cwd=ROOT))
    while any(worker.poll() is None for worker in workers):
        time.sleep(10)
        print(f"{len(keras_page.results(folder))} results, {len(tests)} asked for, {time.monotonic() - started:.0f} s", flush=True)
    origin = (folder / "origin.txt").read_text()
    return keras_page.write(ROOT / "docs" / "conformance.md", baseline(), keras_page.results(folder), KERAS, origin)


def _commit() -> str:
    """The commit that runs, and whether files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
