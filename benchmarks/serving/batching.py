"""Batching against none: requests a second, time to an answer, and the server's processor time for each request.

`python -m benchmarks.serving.batching [ROUNDS]` serves an MLP 784-256-10 in a process of its own, by turns with and without
batching, and asks it over REST and gRPC from another process.
"""

from __future__ import annotations

import contextlib
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import headrace as tf
from benchmarks.serving.asking import MODEL, ROOT, WARM_UP_SECONDS, start, told

CLIENTS = (1, 8, 64)
SECONDS = 4.0
NATIVE, GRPCIO = "--grpc_front_end=native", "--grpc_front_end=grpcio"
MODES = {
    "none": [GRPCIO],
    "adaptive": ["--enable_batching", GRPCIO],
    "none, native gRPC": [NATIVE],
    "adaptive, native gRPC": ["--enable_batching", NATIVE],
}
COMMAND = "from headrace.cli.main import main; main()"


def export(folder: Path) -> None:
    """Saves the model as version 1."""

    numbers = np.random.default_rng(0)
    module = tf.Module()
    module.weights = [tf.Variable(numbers.standard_normal(shape, np.float32) * 0.05) for shape in ((784, 256), (256, 10))]
    module.biases = [tf.Variable(tf.zeros([size])) for size in (256, 10)]

    @tf.function(input_signature=[tf.TensorSpec([None, 784], tf.float32, "x")])
    def predict(x: tf.Tensor) -> dict[str, tf.Tensor]:
        hidden = tf.nn.relu(x @ module.weights[0] + module.biases[0])
        return {"probabilities": tf.nn.softmax(hidden @ module.weights[1] + module.biases[1])}

    module.predict = predict
    tf.saved_model.save(module, str(folder / "1"), signatures=predict)


@dataclass(frozen=True)
class Served:
    """A server that runs. `addresses` are by protocol."""

    process: int
    addresses: dict[str, str]

    def cpu_seconds(self) -> float:
        """Processor time that the server has used, in seconds (Linux)."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100


@contextlib.contextmanager
def serving(folder: Path, flags: list[str]) -> Iterator[Served]:
    """A server of the model. Both protocols get a thread for each client; REST uses its own only without batching."""
    ports = ["--rest_api_port=auto", "--port=auto", "--rest_api_num_threads=8", "--grpc_max_threads=64", "--log_level=WARNING"]
    command = [sys.executable, "-c", COMMAND, "serve", f"--model_name={MODEL}", f"--model_base_path={folder}", *ports, *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        rest, grpc = re.search(r"http://([\d.:]+)", line), re.search(r"gRPC ([\d.:]+)", line)
        try:
            assert rest, line
            assert grpc, line
            yield Served(process.pid, {"rest": rest[1], "grpc": grpc[1].rstrip(".")})
        finally:
            process.terminate()
            process.wait(60)


def ask(served: Served, protocol: str, clients: int) -> dict[str, float]:
    """One measurement, with the server's processor time for each request in us."""
    before = served.cpu_seconds()
    found = told(start(protocol, served.addresses[protocol], clients, SECONDS))
    found["cpu_us"] = (served.cpu_seconds() - before) / (found["rate"] * (SECONDS + WARM_UP_SECONDS)) * 1e6
    return found


def main() -> None:
    """Prints the table: medians over the rounds."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    results: dict[tuple[str, int, str], list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as base:
        folder = Path(base) / MODEL
        export(folder)
        for _ in range(rounds):
            for mode, flags in MODES.items():
                with serving(folder, flags) as served:
                    for protocol in ("rest", "grpc"):
                        for clients in CLIENTS:
                            results.setdefault((protocol, clients, mode), []).append(ask(served, protocol, clients))
    table = Table("protocol", "clients", "batching", "requests/s", "ratio", "p50 ms", "p99 ms", "server CPU us/request", "failures")
    for (protocol, clients, mode), found in sorted(results.items()):
        middle = {key: statistics.median(each[key] for each in found) for key in found[0]}
        none = statistics.median(each["rate"] for each in results[protocol, clients, "none"])
        table.add_row(
            protocol,
            str(clients),
            mode,
            f"{middle['rate']:,.0f}",
            f"{middle['rate'] / none:.2f}",
            f"{middle['p50_ms']:.2f}",
            f"{middle['p99_ms']:.2f}",
            f"{middle['cpu_us']:.0f}",
            f"{sum(each['failures'] for each in found):.0f}",
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
