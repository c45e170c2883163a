"""New versions under load: what they do to the other models' requests, and to the server's memory.

`python -m benchmarks.serving.swaps [SWAPS [REQUESTS_A_SECOND]]` serves two MLPs 784-256-10. Clients ask one of them, without a
pause unless a rate is given, by turns while nothing else happens and while versions of the other are loaded, warmed and swapped
in one after the other. Linux only.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks.serving.asking import MODEL, ROOT, WARM_UP_SECONDS, start, told
from benchmarks.serving.batching import COMMAND, export

CLIENTS = 8
SWAPS_A_TURN = 5
SWAP_SECONDS = 120
OTHER = "other"


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[tuple[int, str]]:
    """A server of both models: its process, and the address of REST."""
    config = folder / "models"
    kinds = (f'config {{ name: "{name}" base_path: "{folder / name}" model_platform: "tensorflow" }}' for name in (MODEL, OTHER))
    config.write_text(f"model_config_list {{ {' '.join(kinds)} }}")
    flags = [f"--model_config_file={config}", "--port=0", "--rest_api_port=auto", "--file_system_poll_wait_seconds=0.1"]
    command = [sys.executable, "-c", COMMAND, "serve", *flags, "--enable_batching", "--log_level=WARNING"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://([\d.:]+)", process.stdout.readline())
            assert found
            yield process.pid, found[1]
        finally:
            process.terminate()
            process.wait(60)


def swap(folder: Path, address: str, version: int) -> None:
    """Puts a version in place, and waits until it serves and the one before is unloaded."""
    base = folder / OTHER
    shutil.copytree(base / str(version - 1), base / f"{version}.part")
    (base / f"{version}.part").rename(base / str(version))
    end = time.monotonic() + SWAP_SECONDS
    while True:
        with urllib.request.urlopen(f"http://{address}/v1/models/{OTHER}", timeout=30) as answer:
            states = {each["version"]: each["state"] for each in json.load(answer)["model_version_status"]}
        if states.get(str(version)) == "AVAILABLE" and states.get(str(version - 1), "END") == "END":
            shutil.rmtree(base / str(version - 1))
            return
        assert time.monotonic() < end, states
        time.sleep(0.05)


def resident_mb(process: int) -> float:
    """Memory of a process that is resident, in MB."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    """Prints the times with and without swaps, and the memory after the first swap and after the last."""
    swaps, rate = (int(sys.argv[n]) if len(sys.argv) > n else usual for n, usual in ((1, 50), (2, 0)))
    quiet, busy, memory = [], [], []
    with tempfile.TemporaryDirectory() as base:
        folder = Path(base)
        for name in (MODEL, OTHER):
            export(folder / name)
        with serving(folder) as (process, address):
            version = 1
            seconds = 5.0
            told(start("rest", address, CLIENTS, seconds, rate))
            while version <= swaps:
                quiet.append(told(start("rest", address, CLIENTS, seconds, rate)))
                # The clients run for as long as the swaps did the last time.
                clients = start("rest", address, CLIENTS, seconds, rate)
                time.sleep(WARM_UP_SECONDS)
                began = time.monotonic()
                for _ in range(SWAPS_A_TURN):
                    version += 1
                    swap(folder, address, version)
                    memory.append(resident_mb(process))
                seconds = max(2.0, time.monotonic() - began)
                busy.append(told(clients))
    for name in ("p50_ms", "p99_ms", "rate"):
        before, after = (statistics.median(each[name] for each in turns) for turns in (quiet, busy))
        print(f"{name}: {before:.2f} without swaps, {after:.2f} with, ratio {after / before:.2f}")
    print(f"resident: {memory[0]:.0f} MB after the first swap, {memory[-1]:.0f} after {len(memory)}, most {max(memory):.0f}")
    print(f"load of the machine now: {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
