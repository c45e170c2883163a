"""Installing through a mirror against installing from far away: seconds for tensorflow-cpu and all that it needs.

`python -m benchmarks.mirror.installs [ROUNDS]`: upstream has 50 ms of latency and 20 MB/s. A mirror is filled by one install by uv,
which is timed as its first, and then asked by the real pip and uv, without caches of their own, into fresh environments. An install
that fails counts as endless.
"""

from __future__ import annotations

import math
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.mirror.servers import MIRRORS, load, upstream
from tests.interop.environments import clean_environment, folder

REQUIREMENT = "tensorflow-cpu==2.21.0"
UV = Path(sys.executable).with_name("uv")


def wheels() -> Path:
    """The wheels, fetched once for a machine from the index that pip is configured for."""
    place = folder("benchmark-wheels")
    if not (place / "whole").exists():
        place.mkdir(parents=True, exist_ok=True)
        environment = place / "environment"
        subprocess.run([UV, "venv", "-q", "--clear", "--seed", environment], check=True)
        subprocess.run([environment / "bin" / "pip", "download", "-q", "-d", place, "--only-binary=:all:", REQUIREMENT], check=True)
        shutil.rmtree(environment)
        (place / "whole").touch()
    return place


def by_pip(index: str, work: Path) -> float:
    """Seconds that pip takes."""
    environment = work / "environment"
    subprocess.run([UV, "venv", "-q", "--clear", "--seed", environment], check=True)
    command = [environment / "bin" / "pip", "install", "-q", "--no-cache-dir", "--disable-pip-version-check", "--no-compile"]
    return _timed([*command, f"--index-url={index}", REQUIREMENT], work)


def by_uv(index: str, work: Path) -> float:
    """Seconds that uv takes."""
    environment = work / "environment"
    subprocess.run([UV, "venv", "-q", "--clear", environment], check=True)
    command = [UV, "pip", "install", "-q", "--no-cache", f"--python={environment / 'bin' / 'python'}", "--no-config"]
    return _timed([*command, f"--default-index={index}", REQUIREMENT], work)


def _timed(command: list[str | Path], work: Path) -> float:
    settings = {name: value for name, value in clean_environment().items() if not name.startswith(("PIP_", "UV_"))}
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=work, env=settings | {"PIP_CONFIG_FILE": "/dev/null"}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"{command} failed:\n{done.stdout[-1000:]}\n{done.stderr[-1000:]}", file=sys.stderr)
        return math.inf
    return time.perf_counter() - started


TOOLS: dict[str, Callable[[str, Path], float]] = {"pip": by_pip, "uv": by_uv}


def main() -> None:
    """Prints the table: medians over the rounds."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    found: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as base:
        work = Path(base)
        with upstream(wheels(), work / "upstream") as far:
            for number in range(rounds):
                for tool, install in TOOLS.items():
                    found.setdefault("no mirror", {}).setdefault(tool, []).append(install(far.url, work))
                for name, mirror in MIRRORS.items():
                    with mirror(far.url, work / f"{name}-{number}") as near:
                        times = found.setdefault(name, {})
                        times.setdefault("first", []).append(by_uv(near.url, work))
                        for tool, install in TOOLS.items():
                            times.setdefault(tool, []).append(install(near.url, work))
                        print(name, {key: round(each[-1], 1) for key, each in times.items()}, file=sys.stderr, flush=True)
                    shutil.rmtree(work / f"{name}-{number}")
    table = Table("index", "first, uv s", "pip s", "ratio", "uv s", "ratio")
    for name, times in found.items():
        middle = {key: statistics.median(each) for key, each in times.items()}
        first = f"{middle['first']:.1f}" if "first" in middle else ""
        cells = ((f"{middle[tool]:.1f}", f"{middle[tool] / statistics.median(found['no mirror'][tool]):.2f}") for tool in TOOLS)
        table.add_row(name, first, *(cell for pair in cells for cell in pair))
    Console(width=120).print(table)
    print(load())


if __name__ == "__main__":
    main()
