"""The server against its peers: requests a second, time to an answer, and the processor time of all of a server's processes.

`python -m benchmarks.serving.peers [ROUNDS [CLIENTS,...]]` serves an MLP 784-256-10 by turns with Headrace, with Triton through
nvidia-pytriton, with MLServer, and with a FastAPI app that runs real TensorFlow. Triton and MLServer run the model in numpy. Each
peer has an environment of its own, which is made at its first use, beside those of the tests; Linux only.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.serving import batching
from benchmarks.serving.asking import MODEL, WARM_UP_SECONDS, start, told
from tests.interop.environments import clean_environment, ensure_with

SERVERS = Path(__file__).parent / "peer_servers"
CLIENTS = (1, 8, 64)
SECONDS = 4.0
START_SECONDS = 180
TICKS = os.sysconf("SC_CLK_TCK")
PACKAGES = {
    "pytriton": ["nvidia-pytriton==0.7.0", "numpy==1.26.4"],
    "mlserver": ["mlserver==1.7.1"],
    "fastapi": ["tensorflow==2.21.0", "fastapi==0.165.0", "uvicorn==0.54.0", "uvloop==0.23.0", "httptools==0.9.0"],
}
HEADRACE = {
    "Headrace": ["--enable_batching", "--grpc_front_end=grpcio"],
    "Headrace, native gRPC": ["--enable_batching", "--grpc_front_end=native"],
    "Headrace, native gRPC, 2 processes": ["--enable_batching", "--grpc_front_end=native", "--num_processes=2"],
}


@dataclass(frozen=True)
class Peer:
    """A server that runs: its process, and where it answers each form of request."""

    process: int
    forms: dict[str, str]

    def cpu_seconds(self) -> float:
        """Processor time of the process and all that it started, in seconds."""
        return sum(_ticks(process) for process in _family(self.process)) / TICKS


def _family(process: int) -> Iterator[int]:
    yield process
    for task in Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(OSError):
            for child in (task / "children").read_text().split():
                yield from _family(int(child))


def _ticks(process: int) -> int:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _free_port() -> int:
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        return int(each.getsockname()[1])


@contextlib.contextmanager
def started(command: list[str], ready: str, forms: dict[str, str], environment: dict[str, str], folder: Path) -> Iterator[Peer]:
    """A peer from when `ready`, a URL, is answered until the block ends."""
    settings = clean_environment() | environment
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=settings) as process:
        try:
            end = time.monotonic() + START_SECONDS
            while True:
                with contextlib.suppress(OSError), urllib.request.urlopen(ready, timeout=5):
                    break
                if process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"{command} does not start:\n{(folder / 'log').read_text()[-2000:]}")
                time.sleep(0.2)
            yield Peer(process.pid, forms)
        finally:
            process.terminate()
            process.wait(60)


@contextlib.contextmanager
def triton(model: Path, folder: Path) -> Iterator[Peer]:
    """Triton with a model in numpy; it needs the shared library of this Python, whose environment is made with it."""
    python, http, grpc = ensure_with("pytriton", PACKAGES["pytriton"]), _free_port(), _free_port()
    command = [str(python), str(SERVERS / "pytriton_server.py"), str(model.parent / "weights.npz"), str(http), str(grpc)]
    library = {"LD_LIBRARY_PATH": str(sysconfig.get_config_var("LIBDIR"))}
    forms = {"rest-v2": f"127.0.0.1:{http}", "grpc-v2": f"127.0.0.1:{grpc}"}
    with started(command, f"http://127.0.0.1:{http}/v2/models/{MODEL}/ready", forms, library, folder) as peer:
        yield peer


@contextlib.contextmanager
def mlserver(model: Path, folder: Path) -> Iterator[Peer]:
    """MLServer with a model in numpy, in the process that answers (faster here than its worker processes)."""
    python, http, grpc = ensure_with("mlserver", PACKAGES["mlserver"]), _free_port(), _free_port()
    settings = {"host": "127.0.0.1", "http_port": http, "grpc_port": grpc, "metrics_port": _free_port(), "parallel_workers": 0}
    (folder / "settings.json").write_text(json.dumps(settings | {"debug": False}))
    parameters = {"uri": str(model.parent / "weights.npz")}
    kind = {"name": MODEL, "implementation": "mlserver_runtime.Mlp", "parameters": parameters}
    (folder / "model-settings.json").write_text(json.dumps(kind))
    forms = {"rest-v2": f"127.0.0.1:{http}", "grpc-v2": f"127.0.0.1:{grpc}"}
    command = [str(python.with_name("mlserver")), "start", "."]
    with started(command, f"http://127.0.0.1:{http}/v2/models/{MODEL}/ready", forms, {"PYTHONPATH": str(SERVERS)}, folder) as peer:
        yield peer


@contextlib.contextmanager
def fastapi(model: Path, folder: Path) -> Iterator[Peer]:
    """A FastAPI app on uvicorn."""
    python, http = ensure_with("fastapi", PACKAGES["fastapi"]), _free_port()
    command = [str(python), "-m", "uvicorn", "fastapi_app:app", f"--port={http}", "--log-level=warning", f"--app-dir={SERVERS}"]
    place = f"127.0.0.1:{http}"
    with started(command, f"http://{place}/docs", {"rest-plain": place}, {"MODEL": str(model / "1")}, folder) as peer:
        yield peer


@contextlib.contextmanager
def headrace(flags: list[str], model: Path) -> Iterator[Peer]:
    """Headrace with these flags."""
    with batching.serving(model, flags) as served:
        yield Peer(served.process, served.addresses)


def ask(peer: Peer, form: str, clients: int) -> dict[str, float]:
    """One measurement, with the processor time for each request in us."""
    before = peer.cpu_seconds()
    found = told(start(form, peer.forms[form], clients, SECONDS))
    found["cpu_us"] = (peer.cpu_seconds() - before) / max(found["rate"] * (SECONDS + WARM_UP_SECONDS), 1) * 1e6
    return found


def main() -> None:
    """Prints the table: medians over the rounds, and the load of the machine meanwhile."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    counts = [int(each) for each in sys.argv[2].split(",")] if len(sys.argv) > 2 else CLIENTS
    results: dict[tuple[str, int, str], list[dict[str, float]]] = {}
    loads: list[float] = []
    with tempfile.TemporaryDirectory() as base:
        model = Path(base) / MODEL
        batching.export(model)
        numbers = np.random.default_rng(0)
        first, second = (numbers.standard_normal(shape, np.float32) * 0.05 for shape in ((784, 256), (256, 10)))
        zeros = {"b0": np.zeros(256, np.float32), "b1": np.zeros(10, np.float32)}
        np.savez(model.parent / "weights.npz", w0=first, w1=second, **zeros)
        for _ in range(rounds):
            turns = {name: headrace(flags, model) for name, flags in HEADRACE.items()}
            for name, peer in (("Triton", triton), ("MLServer", mlserver), ("FastAPI and TensorFlow", fastapi)):
                turns[name] = peer(model, Path(tempfile.mkdtemp(dir=base)))
            for name, turn in turns.items():
                with turn as served:
                    for form in served.forms:
                        for clients in counts:
                            found = ask(served, form, clients)
                            results.setdefault((form.partition("-")[0], clients, name), []).append(found)
                            loads.append(os.getloadavg()[0])
                            print(name, form, clients, found, file=sys.stderr, flush=True)
    report(results)
    print(f"load of the machine: {min(loads):.0f} to {max(loads):.0f} on {os.cpu_count()} cores")


def report(results: dict[tuple[str, int, str], list[dict[str, float]]]) -> None:
    """Prints the medians; ratios are to Headrace as it is by default."""
    table = Table("protocol", "clients", "server", "requests/s", "ratio", "p50 ms", "p99 ms", "CPU us/request", "ratio", "failures")
    for (protocol, clients, name), found in sorted(results.items()):
        middle = {key: statistics.median(each[key] for each in found) for key in found[0]}
        ours = results[protocol, clients, "Headrace"]
        rate, cpu = (statistics.median(each[key] for each in ours) for key in ("rate", "cpu_us"))
        table.add_row(
            protocol,
            str(clients),
            name,
            f"{middle['rate']:,.0f}",
            f"{middle['rate'] / rate:.2f}",
            f"{middle['p50_ms']:.2f}",
            f"{middle['p99_ms']:.1f}",
            f"{middle['cpu_us']:.0f}",
            f"{middle['cpu_us'] / cpu:.2f}",
            f"{sum(each['failures'] for each in found):.0f}",
        )
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
