"""What a test asks of the machine that it runs on, and how it is started."""

from __future__ import annotations

import functools
import unittest
from collections.abc import Callable, Sequence
from typing import Any

import jax

from headrace.runtime.devices import list_logical_devices, list_physical_devices


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the tests of the program, as `unittest.main` does."""
    unittest.main(argv=None if argv is None else list(argv))


def gpu_device_name() -> str:
    """The name of the first GPU, or the empty string."""
    found = list_logical_devices("GPU")
    return found[0].name if found else ""


def is_gpu_available(cuda_only: bool = False, min_cuda_compute_capability: tuple[int, int] | None = None) -> bool:
    """Whether there is a GPU, with CUDA and of some compute capability where that is asked for."""
    for device in jax.local_devices() if list_physical_devices("GPU") else ():
        capability = str(getattr(device, "compute_capability", ""))
        numbers = tuple(map(int, capability.split("."))) if capability.replace(".", "").isdigit() else None
        if cuda_only and numbers is None:
            continue
        if min_cuda_compute_capability is None or (numbers is not None and numbers >= tuple(min_cuda_compute_capability)):
            return True
    return False


def is_built_with_cuda() -> bool:
    """Whether XLA can use CUDA here."""
    return is_gpu_available(cuda_only=True)


def is_built_with_rocm() -> bool:
    """Whether XLA can use ROCm here."""
    return is_gpu_available() and not is_built_with_cuda()


def is_built_with_gpu_support() -> bool:
    """Whether XLA can use a GPU here."""
    return is_gpu_available()


def is_built_with_xla() -> bool:
    """True: every graph is compiled by XLA."""
    return True


def is_cpu_target_available(target: str) -> bool:
    """Whether XLA compiles for that kind of processor; it does for all that LLVM's host back end is."""
    return target in ("aarch64", "arm", "ppc", "s390x", "systemz", "x86", "x86_64")


def disable_with_predicate(pred: Callable[[], bool], skip_message: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: the test is skipped where `pred()` holds."""

    def decorate(test: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(test)
        def decided(self: unittest.TestCase, *args: Any, **kwargs: Any) -> Any:
            if pred():
                self.skipTest(skip_message)
            return test(self, *args, **kwargs)

        return decided

    return decorate


def with_eager_op_as_function(cls: Any = None, only_as_function: bool = False) -> Any:
    """The class itself: an op that runs at once is compiled like a function anyway."""
    return (lambda given: given) if cls is None else cls


def sync_devices() -> None:
    """Waits until the devices have done all that was asked of them."""
    jax.effects_barrier()
    for device in jax.local_devices():
        jax.device_put(0, device).block_until_ready()
