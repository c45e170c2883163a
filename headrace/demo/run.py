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

from headrace import keras
from headrace.core.errors import InternalError
from headrace.data import fashion_mnist
from headrace.demo.board import Board
from headrace.demo.data import BATCH, scaled, training_batches, write_shards
from headrace.demo.model import LEARNING_RATE, classifier, compiled, export, step_seconds, with_probabilities
from headrace.demo.traffic import Client, LoadGenerator, ServerProcess, encode

MODEL = "fashion"
EPOCH_STEPS = 250
FINE_RATE = 2e-4
"""The learning rate of the second round."""

TOLERANCE = 1e-5
"""How far a served probability may lie from the one computed in this process."""


@dataclass(frozen=True)
class Plan:
    """How much the demonstration does."""

    first_steps: int = 1000
    more_steps: int = 500
    profiled_batches: int = 200
    eager_steps: int = 5
    compiled_steps: int = 30
    checked_images: int = 64
    source: str = "auto"


@dataclass
class Results:
    """What the table shows; times in milliseconds."""

    accuracy_1: float
    accuracy_2: float
    input_ms: float
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
    keras.utils.set_random_seed(1)
    batches = training_batches(write_shards(data.x_train, data.y_train, folder / "records"))
    input_ms = _profile(console, batches, plan.profiled_batches)
    model = classifier()
    eager = step_seconds(compiled(model, LEARNING_RATE, run_eagerly=True), batches, plan.eager_steps)
    steps = step_seconds(compiled(model, LEARNING_RATE), batches, plan.compiled_steps)
    versions = folder / MODEL
    images = scaled(data.x_test[: plan.checked_images])
    server = ServerProcess(MODEL, versions, folder / "server.log")
    with Board(folder / "logs", folder / "tensorboard.log") as board:
        console.print(f"TensorBoard shows the training at {board.url}")
        training = _Training(console, model, batches, (scaled(data.x_test), data.y_test), folder / "logs")
        accuracy_1 = training.run(plan.first_steps, LEARNING_RATE, "version 1")
        export(model, versions / "1")
        with server:
            console.print(f"version 1 is served on http://127.0.0.1:{server.port}/v1/models/{MODEL}")
            difference = _check(server, model, images)
            bodies = [encode(images[i : i + 4]) for i in range(0, len(images), 4)]
            with LoadGenerator(server.port, MODEL, bodies) as load:
                accuracy_2 = training.run(plan.more_steps, FINE_RATE, "version 2, while requests come in")
                export(model, versions / "2")
                start = time.monotonic()
                server.wait_for_version(2)
                swap_seconds = time.monotonic() - start
                time.sleep(1.0)
            difference = max(difference, _check(server, model, images))
    results = Results(accuracy_1, accuracy_2, input_ms, 1e3 * eager, 1e3 * steps, difference, load, swap_seconds, server.exit_code)
    console.print(table_of(results))
    _judge(results)
    return results


def _profile(console: Console, batches: Any, count: int) -> float:
    """Shows where the pipeline's time goes; returns what a batch takes, in milliseconds."""
    profile = batches.profile(count)
    console.print(f"the input pipeline alone, {count} batches of {BATCH}:\n{profile}", markup=False, highlight=False)
    return float(1e3 * profile.seconds / profile.elements)


class _Training:
    """Trains a model in rounds, with a progress bar and TensorBoard's event files."""

    def __init__(self, console: Console, model: Any, batches: Any, tests: tuple[Any, Any], logs: Path) -> None:
        self._console = console
        self._model = model
        self._batches = batches
        self._tests = tests
        self._board = keras.callbacks.TensorBoard(str(logs), write_graph=False)
        self._epochs = 0

    def run(self, steps: int, learning_rate: float, title: str) -> float:
        """Trains; returns the test accuracy."""
        self._model.optimizer.learning_rate = learning_rate
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
        )
        per_epoch = min(steps, EPOCH_STEPS)
        until = self._epochs + steps // per_epoch
        with Progress(*columns, console=self._console) as progress:
            task = progress.add_task(title, total=steps, note="")
            start, done = time.perf_counter(), 0

            def batch_ended(batch: int, logs: dict[str, float]) -> None:
                nonlocal done
                done += 1
                rate = BATCH * done / (time.perf_counter() - start)
                progress.update(task, completed=done, note=f"loss {float(logs['loss']):.3f}  {rate:,.0f} images/s")

            shown = keras.callbacks.LambdaCallback(on_train_batch_end=batch_ended)
            history = self._model.fit(
                self._batches,
                steps_per_epoch=per_epoch,
                initial_epoch=self._epochs,
                epochs=until,
                validation_data=self._tests,
                validation_batch_size=500,
                callbacks=[shown, self._board],
                shuffle=False,
                verbose=0,
            ).history
        self._epochs = until
        return float(history["val_accuracy"][-1])


def _check(server: ServerProcess, model: Any, images: np.ndarray[Any, Any]) -> float:
    """The largest difference between served and local probabilities."""
    expected = with_probabilities(model).predict(images, verbose=0)
    served = np.array(Client(server.port, MODEL).predict(encode(images)), np.float32)
    return float(np.abs(served - expected).max())


def table_of(results: Results) -> Table:
    """The results for a person."""
    table = Table(title="Headrace demo: Fashion-MNIST", show_header=False)
    load = results.load
    for name, value in (
        ("test accuracy, version 1", f"{results.accuracy_1:.2%}"),
        ("test accuracy, version 2", f"{results.accuracy_2:.2%}"),
        (
            "a batch from the input pipeline",
            f"{results.input_ms:.1f} ms ({results.compiled_ms / results.input_ms:.1f} for each step)",
        ),
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
