"""What happens once, when Headrace is imported."""

import jax

from headrace.dispatch import context
from headrace.runtime.eager import EagerExecutor


def start() -> None:
    """Turns on 64-bit types, which TensorFlow's programs rely on, and puts the eager executor in charge of every thread."""
    jax.config.update("jax_enable_x64", True)
    context.install(EagerExecutor())
