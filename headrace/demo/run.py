"""The demonstration, from data to a version swapped under load, and its table of results."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import headrace as tf
from headrace.core.errors import InternalError
from headrace.data import fashion_mnist
from headrace.demo.model import BATCH, FashionClassifier, Trainer, export, scaled
from headrace.demo.traffic import Client, LoadGenerator, ServerProcess, encode

MODEL = "fashion"
FINE_RATE = 2e-4
"""The learning rate of the second round."""

TOLERANCE = 1e-5
"""How far a served probability may lie from the one computed in this process."""


@dataclass(frozen=True)
class Plan:
    """How much the demonstration does."""

    first_steps: int = 1000
    more_steps: int = 500
    eager_steps: int = 5
    compiled_steps: int = 30
    checked_images: int = 64
    source: str = "auto"


@dataclass
class Results:
    """What the table shows."""

    accuracy_1: float
    accuracy_2: float
    eager_ms: float
    compiled_ms: float
    difference: float
    load: LoadGenerator
    swap_seconds: float
    exit_code: int | None


def run(console: Console, plan: Plan | None = None, folder: Path | None = None) -> Results:
    """Runs the whole demonstration.

    Args:
        console: where progress and the table go.
        plan: how many steps; the default finishes within three minutes on two cores.
        folder: where models are written; a temporary one by default.

    Raises:
        InternalError: a served answer differs, a request failed, or the server did not end cleanly.
    """
    plan = plan or Plan()
    if folder is not None:
        return _run_in(console, plan, folder)
    with tempfile.TemporaryDirectory(prefix="headrace-demo-") as temporary:
        return _run_in(console, plan, Path(temporary))


def _run_in(console: Console, plan: Plan, folder: Path) -> Results:
    data = fashion_mnist.load(plan.source)
    console.print(f"Fashion-MNIST: {len(data.x_train):,} training images, {len(data.x_test):,} test images")
    tf.random.set_seed(1)
    model = FashionClassifier()
    trainer = Trainer(model, data)
    eager = trainer.step_seconds(trainer.train_step, plan.eager_steps)
    compiled = trainer.step_seconds(trainer.compiled_step, plan.compiled_steps)
    accuracy_1 = _train(console, trainer, plan.first_steps, "version 1")
    versions = folder / MODEL
    export(model, str(versions / "1"))
    images = scaled(data.x_test[: plan.checked_images])
    server = ServerProcess(MODEL, versions, folder / "server.log")
    with server:
        console.print(f"version 1 is served on http://127.0.0.1:{server.port}/v1/models/{MODEL}")
        difference = _check(server, model, images)
        bodies = [encode(images[i : i + 4]) for i in range(0, len(images), 4)]
        trainer.optimizer.learning_rate = FINE_RATE
        with LoadGenerator(server.port, MODEL, bodies) as load:
            accuracy_2 = _train(console, trainer, plan.more_steps, "version 2, while requests come in")
            export(model, str(versions / "2"))
            start = time.monotonic()
            server.wait_for_version(2)
            swap_seconds = time.monotonic() - start
            time.sleep(1.0)
        difference = max(difference, _check(server, model, images))
    results = Results(accuracy_1, accuracy_2, eager * 1000, compiled * 1000, difference, load, swap_seconds, server.exit_code)
    console.print(table_of(results))
    _judge(results)
    return results


def _train(console: Console, trainer: Trainer, steps: int, title: str) -> float:
    """Trains with a progress bar; returns the test accuracy."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    accuracy = 0.0
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(title, total=steps, note="")
        start, seen = time.perf_counter(), 0
        for step, (x, y) in enumerate(trainer.batches(steps), 1):
            loss = trainer.compiled_step(x, y)
            seen += BATCH
            if step % 100 == 0 or step == steps:
                accuracy = trainer.accuracy()
            note = f"loss {float(loss):.3f}  {seen / (time.perf_counter() - start):,.0f} images/s  test accuracy {accuracy:.2%}"
            progress.update(task, completed=step, note=note)
    return accuracy


def _check(server: ServerProcess, model: FashionClassifier, images: np.ndarray[Any, Any]) -> float:
    """The largest difference between served and local probabilities."""
    expected = np.asarray(tf.nn.softmax(model(tf.constant(images))))
    served = np.array(Client(server.port, MODEL).predict(encode(images)), np.float32)
    return float(np.abs(served - expected).max())


def table_of(results: Results) -> Table:
    """The results for a person."""
    table = Table(title="Headrace demo: Fashion-MNIST", show_header=False)
    load = results.load
    for name, value in (
        ("test accuracy, version 1", f"{results.accuracy_1:.2%}"),
        ("test accuracy, version 2", f"{results.accuracy_2:.2%}"),
        ("eager training step", f"{results.eager_ms:.1f} ms"),
        ("compiled training step", f"{results.compiled_ms:.1f} ms ({results.eager_ms / results.compiled_ms:.1f}x faster)"),
        ("served against local probabilities", f"at most {results.difference:.1e} apart"),
        ("requests sent / failed", f"{load.sent:,} / {load.failed:,}"),
        ("latency p50 / p99", f"{load.percentile(50):.1f} / {load.percentile(99):.1f} ms"),
        ("version 2 exported to version 1 retired", f"{results.swap_seconds:.1f} s"),
        ("server's exit code after SIGTERM", str(results.exit_code)),
    ):
        table.add_row(name, value)
    return table


def _judge(results: Results) -> None:
    if results.load.failed or not results.load.sent:
        raise InternalError(f"{results.load.failed} of {results.load.sent} requests failed: {results.load.failures}")
    if not results.difference <= TOLERANCE:
        raise InternalError(f"served probabilities differ by {results.difference}; expected at most {TOLERANCE}")
    if results.exit_code != 0:
        raise InternalError(f"the server ended with code {results.exit_code} after SIGTERM; expected 0")
