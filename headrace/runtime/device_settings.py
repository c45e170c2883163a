"""What programs set about devices: memory, virtual devices, determinism, threads, precision."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax

from headrace.core.errors import InvalidArgumentError
from headrace.runtime import devices
from headrace.runtime.devices import PhysicalDevice

_DETERMINISM_FLAG = "--xla_gpu_deterministic_ops=true"


class LogicalDeviceConfiguration(NamedTuple):
    """One of the devices that a physical device is taken as; memory limits and priorities have no effect here."""

    memory_limit: float | None = None
    experimental_priority: int | None = None
    experimental_device_ordinal: int | None = None


class _Settings:
    growth: dict[str, bool]
    virtual: dict[str, list[LogicalDeviceConfiguration]]
    threads: dict[str, int]
    deterministic = False
    tensor_float_32 = True
    synchronous = True
    policy = "silent"


_Settings.growth, _Settings.virtual, _Settings.threads = {}, {}, {"inter": 0, "intra": 0}


def _known(device: PhysicalDevice) -> PhysicalDevice:
    if device not in devices.list_physical_devices(device.device_type):
        raise ValueError(f"unrecognized device: {device!r}; tf.config.list_physical_devices() lists those of this host")
    return device


def set_memory_growth(device: PhysicalDevice, enable: bool) -> None:
    """Remembers whether a GPU's memory is to be taken bit by bit; JAX decides it by XLA_PYTHON_CLIENT_PREALLOCATE alone."""
    if _known(device).device_type == "CPU":
        raise ValueError("cannot set memory growth on devices that are not GPUs")
    _Settings.growth[device.name] = bool(enable)


def get_memory_growth(device: PhysicalDevice) -> bool | None:
    """What `set_memory_growth` was told, None by default."""
    return _Settings.growth.get(_known(device).name)


def get_memory_info(device: str) -> dict[str, int]:
    """Bytes in use on a device: `current` and `peak`.

    Raises:
        ValueError: the device keeps no count, as CPUs do not.
    """
    found = devices.resolve(device)
    statistics = found.memory_stats()
    if not statistics:
        raise ValueError(f"no memory statistics are kept of {device!r}")
    return {"current": int(statistics["bytes_in_use"]), "peak": int(statistics.get("peak_bytes_in_use", 0))}


def get_memory_usage(device: str) -> int:
    """Bytes in use on a device."""
    return get_memory_info(device)["current"]


def get_device_details(device: PhysicalDevice) -> dict[str, Any]:
    """The name and compute capability of a GPU; nothing of other devices."""
    if not isinstance(device, PhysicalDevice):
        raise ValueError(f"device must be a tf.config.PhysicalDevice; got {device!r}")
    if device.device_type != "GPU":
        return {}
    found = devices.resolve(device.name.replace("/physical_device", "/device"))
    capability = str(getattr(found, "compute_capability", ""))
    details: dict[str, Any] = {"device_name": found.device_kind}
    if capability.replace(".", "").isdigit():
        details["compute_capability"] = tuple(int(part) for part in capability.split("."))
    return details


def set_logical_device_configuration(device: PhysicalDevice, logical_devices: Sequence[LogicalDeviceConfiguration]) -> None:
    """Takes a CPU as several devices, which only works before the first op runs.

    Raises:
        ValueError: no such device, or no configurations.
        RuntimeError: ops have run already.
        InvalidArgumentError: the device is no CPU and several are asked for.
    """
    configurations = list(logical_devices)
    if not configurations:
        raise ValueError(f"logical_devices must hold a LogicalDeviceConfiguration or more for {device.name}")
    if device.device_type == "CPU":
        try:
            jax.config.update("jax_num_cpu_devices", len(configurations))
        except RuntimeError:
            if len(devices.local_devices("CPU")) != len(configurations):
                raise RuntimeError("virtual devices cannot be modified after being initialized; set them first of all") from None
    elif len(configurations) > 1:
        raise InvalidArgumentError(f"{_known(device).name} cannot be taken as several devices; XLA gives each GPU as one")
    _Settings.virtual[device.name] = configurations


def get_logical_device_configuration(device: PhysicalDevice) -> list[LogicalDeviceConfiguration] | None:
    """What `set_logical_device_configuration` was told, None by default."""
    return _Settings.virtual.get(_known(device).name)


def enable_op_determinism() -> None:
    """Asks for the same results at each run. CPUs give them anyway; XLA's kernels for GPUs must know before the first op."""
    _Settings.deterministic = True
    flags = os.environ.get("XLA_FLAGS", "")
    if _DETERMINISM_FLAG not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {_DETERMINISM_FLAG}".strip()


def disable_op_determinism() -> None:
    """Ends what `enable_op_determinism` began, for ops of this process that are compiled from now on."""
    _Settings.deterministic = False
    os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "").replace(_DETERMINISM_FLAG, "").strip()


def is_op_determinism_enabled() -> bool:
    """Whether determinism was asked for."""
    return _Settings.deterministic


def enable_tensor_float_32_execution(enabled: bool) -> None:
    """Says whether GPUs may multiply float32 with 10 bits of mantissa (the default)."""
    _Settings.tensor_float_32 = bool(enabled)
    jax.config.update("jax_default_matmul_precision", None if enabled else "highest")


def tensor_float_32_execution_enabled() -> bool:
    """Whether GPUs may multiply float32 with 10 bits of mantissa."""
    return _Settings.tensor_float_32


def set_synchronous_execution(enable: bool) -> None:
    """Remembered only: results are waited for when their values are asked for."""
    _Settings.synchronous = bool(enable)


def get_synchronous_execution() -> bool:
    """What `set_synchronous_execution` was told."""
    return _Settings.synchronous


def set_device_policy(device_policy: str | None) -> None:
    """Remembered only: tensors are moved to the device of an op without a word.

    Raises:
        ValueError: no such policy.
    """
    known = ("silent", "silent_for_int32", "warn", "explicit")
    if device_policy not in (None, *known):
        raise ValueError(f"not a valid device policy: {device_policy!r}; expected one of {', '.join(known)}")
    _Settings.policy = device_policy or "silent"


def get_device_policy() -> str:
    """What `set_device_policy` was told."""
    return _Settings.policy


def set_inter_op_parallelism_threads(num_threads: int) -> None:
    """Remembered only: XLA chooses its threads when the process begins."""
    _Settings.threads["inter"] = int(num_threads)


def get_inter_op_parallelism_threads() -> int:
    """What `set_inter_op_parallelism_threads` was told, 0 by default."""
    return _Settings.threads["inter"]


def set_intra_op_parallelism_threads(num_threads: int) -> None:
    """Remembered only: XLA chooses its threads when the process begins."""
    _Settings.threads["intra"] = int(num_threads)


def get_intra_op_parallelism_threads() -> int:
    """What `set_intra_op_parallelism_threads` was told, 0 by default."""
    return _Settings.threads["intra"]


def get_build_info() -> dict[str, Any]:
    """How XLA was built: whether for CUDA or ROCm, by what is there."""
    kinds = {str(getattr(device, "platform_version", "")) for device in devices.local_devices("GPU")}
    rocm = any("rocm" in kind.lower() for kind in kinds) or any(d.platform == "rocm" for d in devices.local_devices("GPU"))
    cuda = bool(devices.local_devices("GPU")) and not rocm
    return {"is_cuda_build": cuda, "is_rocm_build": rocm, "is_tensorrt_build": False}
