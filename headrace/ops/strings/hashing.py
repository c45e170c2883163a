"""Hash buckets of strings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import Ints, op
from headrace.dispatch.tensor import Tensor
from headrace.ops.strings.elements import numbers, same_shape
from headrace.proto.farmhash import fingerprint64

_MASK = 0xFFFFFFFFFFFFFFFF
_MURMUR = 0xC6A4A7935BD1E995
_SEED = 0xDECAFCAFFE
"""TensorFlow's seed of its default 64-bit hash."""


def murmur64(data: bytes) -> int:
    """MurmurHash64A with TensorFlow's seed.

    Written from the published algorithm by Austin Appleby (https://github.com/aappleby/smhasher).
    """
    whole = len(data) // 8 * 8
    state = _SEED ^ (len(data) * _MURMUR & _MASK)
    for word in np.frombuffer(data[:whole], "<u8").tolist():
        word = word * _MURMUR & _MASK
        word = (word ^ word >> 47) * _MURMUR & _MASK
        state = (state ^ word) * _MURMUR & _MASK
    if len(data) > whole:
        state = (state ^ int.from_bytes(data[whole:], "little")) * _MURMUR & _MASK
    state = (state ^ state >> 47) * _MURMUR & _MASK
    return state ^ state >> 47


def _rotate(value: int, by: int) -> int:
    return (value << by | value >> (64 - by)) & _MASK


def _sip_rounds(v: list[int], count: int) -> None:
    a, b, c, d = v
    for _ in range(count):
        a = a + b & _MASK
        c = c + d & _MASK
        b = _rotate(b, 13) ^ a
        d = _rotate(d, 16) ^ c
        a = _rotate(a, 32)
        c = c + b & _MASK
        a = a + d & _MASK
        b = _rotate(b, 17) ^ c
        d = _rotate(d, 21) ^ a
        c = _rotate(c, 32)
    v[:] = a, b, c, d


def siphash(data: bytes, key: tuple[int, int]) -> int:
    """SipHash-2-4 of `data` under a key of two 64-bit words.

    Written from the paper "SipHash: a fast short-input PRF" by Aumasson and Bernstein (2012).
    """
    low, high = key
    v = [low ^ 0x736F6D6570736575, high ^ 0x646F72616E646F6D, low ^ 0x6C7967656E657261, high ^ 0x7465646279746573]
    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 0xFF])
    for word in np.frombuffer(padded, "<u8").tolist():
        v[3] ^= word
        _sip_rounds(v, 2)
        v[0] ^= word
    v[2] ^= 0xFF
    _sip_rounds(v, 4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def _buckets(function: Callable[[bytes], int], input: Any, count: int) -> Any:
    if count < 1:
        raise InvalidArgumentError(f"num_buckets must be 1 or more; got {count}")
    # Words repeat: each is hashed once.
    known = {item: function(item) % count for item in set(input.ravel().tolist())}
    return numbers(known.__getitem__, input, np.int64)


@op("StringToHashBucketFast", "input: string -> output: int64", host_only=True, differentiable=False, shape=same_shape)
def to_hash_bucket_fast_op(input: Any, *, num_buckets: int) -> Any:
    """FarmHash's fingerprint of each string modulo the number of buckets, int64."""
    return _buckets(fingerprint64, input, num_buckets)


@op("StringToHashBucket", "string_tensor: string -> output: int64", host_only=True, differentiable=False, shape=same_shape)
def to_hash_bucket_op(string_tensor: Any, *, num_buckets: int) -> Any:
    """MurmurHash of each string modulo the number of buckets, int64."""
    return _buckets(murmur64, string_tensor, num_buckets)


@op("StringToHashBucketStrong", "input: string -> output: int64", host_only=True, differentiable=False, shape=same_shape)
def to_hash_bucket_strong_op(input: Any, *, num_buckets: int, key: Ints) -> Any:
    """SipHash of each string under a key of two integers, modulo the number of buckets, int64."""
    if len(key) != 2:
        raise InvalidArgumentError(f"key must be two integers; got {list(key)}")
    words = (key[0] & _MASK, key[1] & _MASK)
    return _buckets(lambda item: siphash(item, words), input, num_buckets)


@op(
    "Fingerprint",
    "data: T, method: string -> fingerprint: uint8",
    host_only=True,
    differentiable=False,
    shape=lambda data, method: (data[0], 8),
)
def fingerprint_op(data: Any, method: Any) -> Any:
    """The FarmHash of the bytes of each row of `data`, uint8 [rows, 8]; of several strings in a row that of their hashes."""
    if method.item() not in (b"farmhash64", "farmhash64"):
        raise InvalidArgumentError(f"the method must be farmhash64; got {method.item()!r}")
    if not data.ndim:
        raise InvalidArgumentError("a fingerprint is one of rows: the data must not be a scalar")

    def hashed(row: bytes) -> bytes:
        return fingerprint64(row).to_bytes(8, "little")

    rows = data.reshape(data.shape[0], -1)
    if data.dtype.kind == "O":
        several = rows.shape[1] > 1
        codes = [[hashed(item) for item in row] for row in rows.tolist()]
        kept = [hashed(b"".join(row)) if several else row[0] for row in codes]
    else:
        kept = [hashed(np.ascontiguousarray(row).tobytes()) for row in rows]
    return np.frombuffer(b"".join(kept), np.uint8).reshape(len(kept), 8)


def fingerprint(data: Any, method: Any = "farmhash64", name: str | None = None) -> Tensor:
    """The 64-bit FarmHash of each row of `data` [n, ...], as uint8 [n, 8].

    Raises:
        InvalidArgumentError: another method is asked for, or the data are a scalar.
    """
    return fingerprint_op(data, method, name=name)


def to_hash_bucket_fast(input: Any, num_buckets: int, name: str | None = None) -> Tensor:
    """A bucket from 0 to `num_buckets` - 1 for each string, int64; fast, and easily made to collide on purpose."""
    return to_hash_bucket_fast_op(input, num_buckets=num_buckets, name=name)


def to_hash_bucket(input: Any, num_buckets: int, name: str | None = None) -> Tensor:
    """A bucket from 0 to `num_buckets` - 1 for each string, int64."""
    return to_hash_bucket_op(input, num_buckets=num_buckets, name=name)


def to_hash_bucket_strong(input: Any, num_buckets: int, key: Any, name: str | None = None) -> Tensor:
    """A bucket from 0 to `num_buckets` - 1 for each string under a secret key of two integers, int64."""
    return to_hash_bucket_strong_op(input, num_buckets=num_buckets, key=key, name=name)
