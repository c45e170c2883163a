"""What happens once, when Headrace is imported."""

import os

import jax

from headrace.dispatch import context
from headrace.runtime import cache, kernels
from headrace.runtime.eager import EagerExecutor

LOCALITY_FLAG = "xla_cpu_enable_concurrency_optimized_scheduler"
"""XLA's CPU back end orders nodes for concurrency unless told otherwise. On a training step that costs locality: the demo's
(batch 128, two cores) took 46 ms that way and 26 ms in the order that keeps values short-lived. XLA reads the flag from the
environment alone; jaxlib 0.10 to 0.12 know it."""


def start() -> None:
    """Turns on 64-bit types, which TensorFlow's programs rely on, and puts the eager executor in charge of every thread."""
    flags = os.environ.get("XLA_FLAGS", "")
    if LOCALITY_FLAG not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --{LOCALITY_FLAG}=false".strip()
    jax.config.update("jax_enable_x64", True)
    cache.configure()
    kernels.watch()
    context.install(EagerExecutor())
