"""Devices by TensorFlow's names."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any, NamedTuple

import jax

from headrace.core.errors import InvalidArgumentError

_PART = re.compile(r"(?P<where>job|replica|task):(?P<which>\w+|\*)|(?:device:)?(?P<kind>[A-Za-z]+)(?::(?P<index>\d+|\*))?")
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
            # There is one CPU, however many devices it is taken as; to say so does not start XLA.
            count = 1 if kind == "CPU" else len(local_devices(kind))
            found += [PhysicalDevice(f"/physical_device:{kind}:{i}", kind) for i in range(count)]
    return found


@cache
def local_devices(kind: str) -> tuple[Any, ...]:
    for platform in _PLATFORMS.get(kind, ()):
        try:
            return tuple(jax.local_devices(backend=platform))
        except RuntimeError:
            continue
    return ()


class _Visible:
    hidden: frozenset[PhysicalDevice] = frozenset()


def set_visible_devices(devices: Any, device_type: str | None = None) -> None:
    """Hides every device of a type (or of all) that is not among `devices`: programs neither list nor use it.

    Raises:
        ValueError: one of `devices` is not there or of another type.
    """
    kept = [devices] if isinstance(devices, PhysicalDevice) else list(devices or ())
    known = list_physical_devices(device_type)
    for device in kept:
        if device not in known:
            raise ValueError(f"unrecognized device: {device!r}; this host has {known}")
    _Visible.hidden = _Visible.hidden.difference(known) | {device for device in known if device not in kept}
    _resolved.cache_clear()
    gone = bool(local_devices("GPU")) and not _visible("GPU")
    jax.config.update("jax_default_device", local_devices("CPU")[0] if gone else None)


def get_visible_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The devices of this host that are not hidden."""
    return [device for device in list_physical_devices(device_type) if device not in _Visible.hidden]


def _visible(kind: str) -> tuple[Any, ...]:
    """The JAX devices of a type that are not hidden."""
    if kind == "CPU":
        return local_devices(kind)
    return tuple(d for i, d in enumerate(local_devices(kind)) if (f"/physical_device:{kind}:{i}", kind) not in _Visible.hidden)


class LogicalDevice(NamedTuple):
    """A device as programs name it, such as `/device:GPU:0`."""

    name: str
    device_type: str


def list_logical_devices(device_type: str | None = None) -> list[LogicalDevice]:
    """The devices that programs can name, of one type or all."""
    kinds = [kind for kind in _PLATFORMS if device_type in (None, kind)]
    return [LogicalDevice(f"/device:{kind}:{i}", kind) for kind in kinds for i in range(len(_visible(kind)))]


class _Placement:
    soft = True


def set_soft_device_placement(enabled: bool) -> None:
    """Says whether ops asked for on a device that is not there run on the CPU instead (the default), or are refused."""
    _Placement.soft = bool(enabled)


def get_soft_device_placement() -> bool:
    """True while ops asked for on a device that is not there run on the CPU."""
    return _Placement.soft


def resolve(name: str) -> Any:
    """The JAX device of a TensorFlow device name such as `/GPU:0`, `gpu:1` or `/job:localhost/.../device:CPU:0`.

    Raises:
        ValueError: the name is malformed.
        InvalidArgumentError: it names another host; or this one has no such device, and soft placement is off.
    """
    return _resolved(name, _Placement.soft)


@lru_cache(maxsize=1024)
def _resolved(name: str, soft: bool) -> Any:
    kind, index = _parsed(name)
    devices = _visible(kind)
    if index < len(devices):
        return devices[index]
    if soft:
        return local_devices("CPU")[0]
    known = ", ".join(d.name for d in list_physical_devices())
    raise InvalidArgumentError(f"this host has no device {name!r} and soft placement is off; it has {known}")


def _parsed(name: str) -> tuple[str, int]:
    """Type and index of a device name; what it leaves out is the first device of this host."""
    kind, index = "", 0
    for part in filter(None, name.split("/")):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"{part!r} in the device name {name!r} is not known; expected a form such as '/device:GPU:0'")
        if match["where"]:
            if match["which"] not in ("localhost", "0", "*"):
                raise InvalidArgumentError(f"{name!r} is on another host; this process has {list_logical_devices()}")
        else:
            kind, index = match["kind"].upper(), 0 if match["index"] in (None, "*") else int(match["index"])
    if kind:
        return kind, index
    return next(k for k in ("GPU", "TPU", "CPU") if _visible(k)), 0
