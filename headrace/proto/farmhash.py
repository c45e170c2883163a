"""FarmHash's 64-bit fingerprint (`farmhashna::Hash64`): the hash of `fingerprint.pb` and of string buckets.

Written from the published algorithm by Geoff Pike (https://github.com/google/farmhash).
"""

from __future__ import annotations

import struct

_K0 = 0xC3A5C85C97CB3127
_K1 = 0xB492B66FBE98F273
_K2 = 0x9AE16A3B2F90404F
_M = 0xFFFFFFFFFFFFFFFF
_EIGHT = struct.Struct("<8Q")


def _u64(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


def _rotate(value: int, by: int) -> int:
    return (value >> by | value << (64 - by)) & _M


def _mix(value: int) -> int:
    return value ^ (value >> 47)


def _hash16(u: int, v: int, mul: int) -> int:
    a = _mix((u ^ v) * mul & _M)
    b = _mix((v ^ a) * mul & _M)
    return b * mul & _M


def _up_to_16(data: bytes) -> int:
    size = len(data)
    mul = _K2 + size * 2
    if size >= 8:
        a = _u64(data, 0) + _K2 & _M
        b = _u64(data, size - 8)
        c = _rotate(b, 37) * mul + a & _M
        d = (_rotate(a, 25) + b) * mul & _M
        return _hash16(c, d, mul)
    if size >= 4:
        return _hash16(size + (_u32(data, 0) << 3), _u32(data, size - 4), mul)
    if size > 0:
        y = data[0] + (data[size >> 1] << 8)
        z = size + (data[size - 1] << 2)
        return _mix(y * _K2 & _M ^ z * _K0 & _M) * _K2 & _M
    return _K2


def _up_to_32(data: bytes) -> int:
    size = len(data)
    mul = _K2 + size * 2
    a = _u64(data, 0) * _K1 & _M
    b = _u64(data, 8)
    c = _u64(data, size - 8) * mul & _M
    d = _u64(data, size - 16) * _K2 & _M
    return _hash16(_rotate(a + b & _M, 43) + _rotate(c, 30) + d & _M, a + _rotate(b + _K2 & _M, 18) + c & _M, mul)


def _up_to_64(data: bytes) -> int:
    size = len(data)
    mul = _K2 + size * 2
    a = _u64(data, 0) * _K2 & _M
    b = _u64(data, 8)
    c = _u64(data, size - 8) * mul & _M
    d = _u64(data, size - 16) * _K2 & _M
    y = _rotate(a + b & _M, 43) + _rotate(c, 30) + d & _M
    z = _hash16(y, a + _rotate(b + _K2 & _M, 18) + c & _M, mul)
    e = _u64(data, 16) * mul & _M
    f = _u64(data, 24)
    g = (y + _u64(data, size - 32)) * mul & _M
    h = (z + _u64(data, size - 24)) * mul & _M
    return _hash16(_rotate(e + f & _M, 43) + _rotate(g, 30) + h & _M, e + _rotate(f + a & _M, 18) + g & _M, mul)


def _weak(words: tuple[int, int, int, int], a: int, b: int) -> tuple[int, int]:
    w, x, y, z = words
    a = a + w & _M
    b = _rotate(b + a + z & _M, 21)
    c = a
    a = a + x + y & _M
    b = b + _rotate(a, 44) & _M
    return a + z & _M, b + c & _M


def _long(data: bytes) -> int:
    seed = 81
    x = seed * _K2 + _u64(data, 0) & _M
    y = seed * _K1 + 113 & _M
    z = _mix(y * _K2 + 113 & _M) * _K2 & _M
    v0 = v1 = w0 = w1 = 0
    end = (len(data) - 1) // 64 * 64
    for at in range(0, end, 64):
        p = _EIGHT.unpack_from(data, at)
        x = _rotate(x + y + v0 + p[1] & _M, 37) * _K1 & _M
        y = _rotate(y + v1 + p[6] & _M, 42) * _K1 & _M
        x ^= w1
        y = y + v0 + p[5] & _M
        z = _rotate(z + w0 & _M, 33) * _K1 & _M
        v0, v1 = _weak(p[:4], v1 * _K1 & _M, x + w0 & _M)
        w0, w1 = _weak(p[4:], z + w1 & _M, y + p[2] & _M)
        x, z = z, x
    mul = _K1 + ((z & 0xFF) << 1) & _M
    p = _EIGHT.unpack_from(data, len(data) - 64)
    w0 = w0 + ((len(data) - 1) & 63) & _M
    v0 = v0 + w0 & _M
    w0 = w0 + v0 & _M
    x = _rotate(x + y + v0 + p[1] & _M, 37) * mul & _M
    y = _rotate(y + v1 + p[6] & _M, 42) * mul & _M
    x ^= w1 * 9 & _M
    y = y + v0 * 9 + p[5] & _M
    z = _rotate(z + w0 & _M, 33) * mul & _M
    v0, v1 = _weak(p[:4], v1 * mul & _M, x + w0 & _M)
    w0, w1 = _weak(p[4:], z + w1 & _M, y + p[2] & _M)
    x, z = z, x
    return _hash16(_hash16(v0, w0, mul) + _mix(y) * _K0 + z & _M, _hash16(v1, w1, mul) + x & _M, mul)


def fingerprint64(data: bytes) -> int:
    """The 64-bit fingerprint of `data`, stable across machines and versions."""
    size = len(data)
    if size <= 16:
        return _up_to_16(data)
    if size <= 32:
        return _up_to_32(data)
    return _up_to_64(data) if size <= 64 else _long(data)
