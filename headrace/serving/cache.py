"""Answers kept for requests that come again. Off unless a server names what may be kept."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from headrace.core.errors import InvalidArgumentError
from headrace.core.exposition import Counter, Family, Gauge
from headrace.serving.engines.base import Array

_OBJECT_BYTES = 64
"""What a string or an entry costs beside its content, roughly."""


@dataclass(frozen=True, slots=True)
class CacheOptions:
    """Which answers are kept.

    Attributes:
        max_bytes: of all answers together; the least recently used make room.
        cacheable: pairs of model and signature. Only the operator can know that a signature draws no random numbers, keeps no
            state, and reads nothing but its inputs.

    Raises:
        InvalidArgumentError: `max_bytes` is not positive.
    """

    max_bytes: int
    cacheable: frozenset[tuple[str, str]]

    def __post_init__(self) -> None:
        if self.max_bytes <= 0:
            raise InvalidArgumentError(f"max_bytes of the response cache is {self.max_bytes}; expected a positive number")


class ResponseCache:
    """Outputs by a digest of the loaded version, the signature and the inputs."""

    def __init__(self, options: CacheOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._entries: OrderedDict[bytes, tuple[dict[str, Array], int]] = OrderedDict()
        self._bytes = 0
        self._lookups = Counter(
            "headrace_serving_response_cache_lookups_total", "Requests looked up, by result.", ["model", "signature", "result"]
        )
        self._size = Gauge("headrace_serving_response_cache_bytes", "What the kept answers take.")

    def covers(self, model: str, signature: str) -> bool:
        """True when answers of this signature may be kept."""
        return (model, signature) in self._options.cacheable

    def get(self, model: str, signature: str, key: bytes) -> dict[str, Array] | None:
        """The outputs kept under `key`, None when there are none. The arrays are read-only."""
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
        self._lookups.add((model, signature, "miss" if found is None else "hit"))
        return dict(found[0]) if found is not None else None

    def put(self, key: bytes, outputs: Mapping[str, Array]) -> None:
        """Keeps a copy of `outputs`, unless it takes more than a quarter of the room."""
        size = sum(map(_bytes_of, outputs.values())) + _OBJECT_BYTES
        if size > self._options.max_bytes // 4:
            return
        kept = {name: np.array(value) for name, value in outputs.items()}
        for value in kept.values():
            value.flags.writeable = False
        with self._lock:
            if key in self._entries:
                return
            self._entries[key] = (kept, size)
            self._bytes += size
            while self._bytes > self._options.max_bytes:
                _, (_, freed) = self._entries.popitem(last=False)
                self._bytes -= freed
            self._size.replace({(): float(self._bytes)})

    def families(self) -> list[Family]:
        """Its metrics."""
        return [self._lookups, self._size]


def digest(load: int, signature: str, inputs: Mapping[str, Array]) -> bytes:
    """What a request is kept under.

    Args:
        load: tells apart the loads of all versions in this process.
        signature: its name.
        inputs: all of them, defaults included.
    """
    state = hashlib.blake2b(f"{load} {len(signature)} {signature}".encode(), digest_size=32)
    for name, value in sorted(inputs.items()):
        state.update(f"|{len(name)} {name} {value.dtype} {value.shape}|".encode())
        if value.dtype.hasobject:
            for item in value.ravel().tolist():
                content = item if isinstance(item, bytes) else str(item).encode()
                state.update(f"{len(content)} ".encode() + content)
        else:
            state.update(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)
    return state.digest()


def _bytes_of(value: Array) -> int:
    if value.dtype.hasobject:
        return sum(len(item) + _OBJECT_BYTES for item in value.ravel().tolist())
    return value.nbytes + _OBJECT_BYTES
