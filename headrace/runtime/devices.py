"""Devices by TensorFlow's names."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any, NamedTuple

import jax

from headrace.core.errors import InvalidArgumentError

_NAME = re.compile(r"(?:.*/)?(?:device:)?(?P<kind>[A-Za-z]+)(?::(?P<index>\d+|\*))?$")
_PLATFORMS = {"GPU": ("gpu", "cuda", "rocm"), "CPU": ("cpu",), "TPU": ("tpu",)}


class PhysicalDevice(NamedTuple):
    """A device of this host, such as `/physical_device:GPU:0`."""

    name: str
    device_type: str


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The devices of this host, of one type ("CPU", "GPU", "TPU") or all."""
    found = []
    for kind in _PLATFORMS:
        if device_type in (None, kind):
            found += [PhysicalDevice(f"/physical_device:{kind}:{i}", kind) for i in range(len(_devices(kind)))]
    return found


@cache
def _devices(kind: str) -> tuple[Any, ...]:
    for platform in _PLATFORMS.get(kind, ()):
        try:
            return tuple(jax.local_devices(backend=platform))
        except RuntimeError:
            continue
    return ()


@lru_cache(maxsize=1024)
def resolve(name: str) -> Any:
    """The JAX device of a TensorFlow device name such as `/GPU:0`, `gpu:1` or `/job:localhost/.../device:CPU:0`.

    Raises:
        InvalidArgumentError: the name is malformed or this host has no such device.
    """
    match = _NAME.match(name)
    if match is None:
        raise InvalidArgumentError(f"{name!r} is no device name; expected a form such as '/GPU:0' or '/device:CPU:0'")
    devices = _devices(match["kind"].upper())
    index = 0 if match["index"] in (None, "*") else int(match["index"])
    if index >= len(devices):
        known = ", ".join(d.name for d in list_physical_devices())
        raise InvalidArgumentError(f"this host has no device {name!r}; it has {known}")
    return devices[index]
