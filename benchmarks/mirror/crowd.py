"""A hundred clients for one large file that is not there yet: `python -m benchmarks.mirror.crowd [CLIENTS [MEGABYTES_A_SECOND]]`.

The seconds until the last of them has all of 500 MB, against those of one client alone, from an upstream of 20 MB/s; what upstream
sent; and the most memory that the mirror has had.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from benchmarks.mirror.servers import RATE, headrace, load, upstream
from benchmarks.mirror.upstream import BIG, BIG_BYTES
from tests.interop.debian import ensure


def fetch(clients: int, rate: float) -> tuple[float, float, float, float]:
    """Seconds until all clients have the file, MB that upstream sent, and the mirror's memory in MB and processor time in s."""
    with tempfile.TemporaryDirectory() as base:
        work = Path(base)
        (work / "wheels").mkdir()
        with upstream(work / "wheels", work / "upstream", rate) as far, headrace(far.url, work / "headrace") as near:
            url = f"{near.url.removesuffix('simple/')}files/main/big/files/{BIG}"
            command = [ensure("nghttp2-client", "h2load"), "--h1", f"--requests={clients}", f"--clients={clients}", url]
            began, processor = time.perf_counter(), near.cpu_seconds()
            output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            seconds = time.perf_counter() - began
            if f"{clients} succeeded" not in output or f"({clients * BIG_BYTES})" not in output.replace(",", ""):
                raise RuntimeError(f"not all clients have the file:\n{output}")
            with urllib.request.urlopen(f"{far.url.removesuffix('simple/')}sent", timeout=10) as answer:
                sent = json.load(answer)[BIG] / 1e6
            return seconds, sent, near.resident_mb(), near.cpu_seconds() - processor


def main() -> None:
    """Prints both times."""
    clients = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    rate = float(sys.argv[2]) if len(sys.argv) > 2 else RATE
    alone, *_ = fetch(1, rate)
    seconds, sent, memory, processor = fetch(clients, rate)
    print(f"one client: {alone:.1f} s; {clients} clients: {seconds:.1f} s, ratio {seconds / alone:.2f}")
    print(f"upstream sent {sent:.0f} MB of a file of {BIG_BYTES / 1e6:.0f}; the mirror had {memory:.0f} MB of memory at most,")
    print(f"and took {processor:.1f} s of processor time")
    print(load())


if __name__ == "__main__":
    main()
