"""Inference and training steps of the models in models.py. `python benchmarks/model_work.py WHO [MODEL ...]` prints JSON: seconds.

WHO is headrace, tensorflow, tensorflow-jit (its own jit_compile=True), jax (models_jax.py, on Headrace's random weights), torch or
torch-compile (models_torch.py; PyTorch is not among Headrace's own test environments: run it where it is installed). With
headrace+jax both run in one process, by turns, so that what the machine does and which kernels the compiler picks are the same.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import models

BATCHES = {"Mlp": 256, "Cnn": 128, "Encoder": 8, "ResNet50": 8}
MOST_SECONDS = 12.0
"""A program is repeated for this long, and at least five times."""


def least_seconds(call: Callable[[], Any], wait: Callable[[Any], Any]) -> float:
    """The least time of one call, after two that are not counted."""
    wait(call())
    wait(call())
    times: list[float] = []
    while len(times) < 5 or (sum(times) < MOST_SECONDS and len(times) < 200):
        start = time.perf_counter()
        wait(call())
        times.append(time.perf_counter() - start)
    return min(times)


def least_seconds_in_turns(calls: Sequence[Callable[[], Any]], rounds: int = 40) -> list[float]:
    """The least time of one call of each, called by turns; each takes a fifth of a second a turn, and waits for its own results."""
    for call in calls:
        call()
        call()
    best = [float("inf")] * len(calls)
    for _ in range(rounds):
        for i, call in enumerate(calls):
            until = time.perf_counter() + 0.2
            while (start := time.perf_counter()) < until:
                call()
                best[i] = min(best[i], time.perf_counter() - start)
    return best


def framework_programs(tf: Any, name: str, options: dict[str, Any]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The model under `tf`."""
    model = getattr(models, name)(tf)
    x, y = model.inputs(BATCHES[name])
    infer = tf.function(lambda x: model(x), autograph=False, **options)  # noqa: PLW0108 - a tf.function needs a function
    yield "inference", lambda: infer(x)
    raw = models.make_step(model)
    step = tf.function(lambda x, y: raw(x, y), autograph=False, **options)  # noqa: PLW0108
    yield "training", lambda: step(x, y)


def jax_programs(name: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The model by hand, on the weights of Headrace's."""
    model = getattr(models, name)(importlib.import_module("headrace"))
    x, y = model.inputs(BATCHES[name])
    weights = [v.value().array for v in model.variables]
    averages = [v.value().array for v in getattr(model, "averages", [])]
    by_hand = importlib.import_module("benchmarks.models_jax")
    return by_hand.programs(name, weights, averages, x.array, y.array)  # type: ignore[no-any-return]


WAITS: dict[str, Callable[[Any], Any]] = {
    "headrace": lambda out: out.array.block_until_ready(),
    "jax": lambda out: out.block_until_ready(),
    "tensorflow": lambda out: out.numpy(),
    "tensorflow-jit": lambda out: out.numpy(),
}
"""How to wait for a result; TensorFlow's CPU tensors are shared with numpy, so that nothing is copied."""


def torch_programs(name: str, *, compiled: bool) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The model in PyTorch."""
    module = importlib.import_module("benchmarks.models_torch")
    WAITS["torch"] = WAITS["torch-compile"] = module.wait
    return module.programs(name, BATCHES[name], compiled=compiled)  # type: ignore[no-any-return]


def in_turns(names: Iterable[str]) -> None:
    """Headrace and JAX by hand; prints one line a program."""
    headrace = importlib.import_module("headrace")
    for name in names:
        for (what, ours), (_, theirs) in zip(framework_programs(headrace, name, {}), jax_programs(name), strict=True):
            waiting = (partial(_waited, ours, WAITS["headrace"]), partial(_waited, theirs, WAITS["jax"]))
            seconds = least_seconds_in_turns(waiting)
            print(
                f"{name} {what}: {seconds[0] * 1e3:.3f} ms, JAX by hand {seconds[1] * 1e3:.3f} ms ({seconds[0] / seconds[1]:.2f})"
            )


def _waited(call: Callable[[], Any], wait: Callable[[Any], Any]) -> None:
    wait(call())


def main() -> None:
    """Measures and prints."""
    who, *names = sys.argv[1:]
    if who == "headrace+jax":
        in_turns(names or BATCHES)
        return
    found = {}
    for name in names or BATCHES:
        if who == "jax":
            programs = jax_programs(name)
        elif who.startswith("torch"):
            programs = torch_programs(name, compiled=who == "torch-compile")
        else:
            options = {"jit_compile": True} if who.endswith("-jit") else {}
            programs = framework_programs(importlib.import_module(who.removesuffix("-jit")), name, options)
        for what, call in programs:
            found[f"{name} {what}"] = least_seconds(call, WAITS[who])
            print(f"{who} {name} {what}: {found[f'{name} {what}'] * 1e3:.2f} ms", file=sys.stderr)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
