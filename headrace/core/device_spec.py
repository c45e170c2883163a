"""tf.DeviceSpec: the parts of a device's name."""

from __future__ import annotations

from typing import Any

_PARTS = ("job", "replica", "task", "device_type", "device_index")


class DeviceSpec:
    """A device, or a part of its name: parts that are None are left open.

    Args:
        job: such as "worker".
        replica, task, device_index: numbers.
        device_type: such as "GPU".
    """

    __slots__ = tuple(f"_{part}" for part in _PARTS)

    def __init__(
        self,
        job: str | None = None,
        replica: int | None = None,
        task: int | None = None,
        device_type: str | None = None,
        device_index: int | None = None,
    ) -> None:
        self._job = None if job is None else str(job)
        self._replica = None if replica is None else int(replica)
        self._task = None if task is None else int(task)
        self._device_type = None if device_type is None else str(device_type).upper()
        self._device_index = None if device_index is None else int(device_index)

    @property
    def job(self) -> str | None:
        """The name of the job."""
        return self._job

    @property
    def replica(self) -> int | None:
        """The number of the replica."""
        return self._replica

    @property
    def task(self) -> int | None:
        """The number of the task."""
        return self._task

    @property
    def device_type(self) -> str | None:
        """The type, in capitals."""
        return self._device_type

    @property
    def device_index(self) -> int | None:
        """The number among the devices of its type."""
        return self._device_index

    @classmethod
    def from_string(cls, spec: str) -> DeviceSpec:
        """The parts of a name such as `/job:worker/replica:0/task:1/device:GPU:0`.

        Raises:
            ValueError: it is no such name.
        """
        found: dict[str, Any] = {}
        for part in filter(None, spec.split("/")):
            key, *rest = part.split(":")
            kind = key.upper() if key.lower() in ("cpu", "gpu", "tpu") else None
            if key == "device" and len(rest) == 2:
                kind, rest = rest[0].upper(), rest[1:]
            if len(rest) != 1 or not (rest[0] == "*" or key == "job" or rest[0].isdigit()):
                raise ValueError(f"unknown attribute {part!r} is encountered while parsing the device {spec!r}")
            if kind is not None:
                if "device_type" in found:
                    raise ValueError(f"multiple device types are not allowed while parsing the device {spec!r}")
                found["device_type"] = kind
                key = "device_index"
            elif key not in ("job", "replica", "task"):
                raise ValueError(f"unknown attribute {key!r} is encountered while parsing the device {spec!r}")
            found[key] = None if rest[0] == "*" and key != "job" else rest[0]
        return cls(**found)

    parse_from_string = from_string

    def to_string(self) -> str:
        """The name."""
        text = "".join(f"/{part}:{value}" for part in _PARTS[:3] if (value := getattr(self, part)) is not None)
        if self.device_type is not None:
            text += f"/device:{self.device_type}:{'*' if self.device_index is None else self.device_index}"
        return text

    def make_merged_spec(self, dev: DeviceSpec) -> DeviceSpec:
        """The parts of `dev`, and those of this one that it leaves open."""
        return DeviceSpec(**{part: getattr(self if getattr(dev, part) is None else dev, part) for part in _PARTS})

    def replace(self, **kwargs: Any) -> DeviceSpec:
        """A copy with other parts."""
        return DeviceSpec(**{part: getattr(self, part) for part in _PARTS} | kwargs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DeviceSpec) and self.to_string() == other.to_string()

    def __hash__(self) -> int:
        return hash(self.to_string())

    def __repr__(self) -> str:
        return f"DeviceSpec({self.to_string()!r})"
