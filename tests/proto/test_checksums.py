"""CRC-32C and FarmHash against published and recorded values."""

from __future__ import annotations

import pytest

from headrace.proto.crc import crc32c, mask, masked_crc32c
from headrace.proto.farmhash import fingerprint64


def test_crc_of_the_published_check_string() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(b"6789", crc32c(b"12345")) == 0xE3069283
    assert crc32c(memoryview(bytearray(b"123456789"))) == 0xE3069283


def test_crc_of_long_views_is_that_of_their_bytes() -> None:
    data = bytes(range(256)) * 10_000
    assert crc32c(memoryview(data)) == crc32c(data)


def test_mask() -> None:
    assert mask(0) == 0xA282EAD8
    assert masked_crc32c(b"123456789") == mask(0xE3069283)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, (1936946117179621459, 1936946117179621449)),
        (1, (176124231402506092, 176124231402506087)),
        (3, (1673697671226901890, 3979540680440595841)),
        (4, (873266774625119599, 873266774625119584)),
        (7, (1587581522672208249, 1587581522672208239)),
        (8, (2112311533434236160, 4418154542647930106)),
        (16, (1744661084023387356, 1744661084023387341)),
        (17, (2080336246966180552, 2080336246966180547)),
        (32, (14356193178709420, 2320199202392403361)),
        (33, (257079882033485466, 257079882033485456)),
        (64, (4226431515964725, 4226431515964725)),
        (65, (1960768226106674621, 4266611235320368557)),
        (128, (1436440881852782394, 3742283891066476345)),
        (129, (219130151501489379, 219130151501489364)),
        (1000, (494220876285168122, 494220876285168107)),
    ],
)
def test_farmhash_against_values_recorded_from_tensorflow(size: int, expected: tuple[int, int]) -> None:
    """TensorFlow's StringToHashBucketFast gave the remainders modulo 2**61 - 1 and 2**62 + 3."""
    value = fingerprint64(bytes((i * 37 + 11) % 256 for i in range(size)))
    assert (value % (2**61 - 1), value % (2**62 + 3)) == expected
