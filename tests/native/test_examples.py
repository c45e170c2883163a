"""What the C library says of examples is what protobuf says."""

from __future__ import annotations

import random

import numpy as np
import pytest

from headrace.core import dtypes, errors
from headrace.native import examples as native
from headrace.proto import examples
from headrace.proto.messages import BytesList, Example, Feature, Features, Int64List
from tests.native.sanitized import damaged, sound_example

WANTED = [("number", dtypes.int64), ("text", dtypes.string), ("values", dtypes.float32), ("absent", dtypes.string)]


def by_library(batch: list[bytes]) -> list[examples.Column] | None:
    found = native.columns(batch, [(key, examples.KINDS[dtype]) for key, dtype in WANTED])
    return None if found is None else [examples.Column(*column) for column in found]


@pytest.mark.parametrize("joined", [1 << 22, -1], ids=["joined", "apart"])
def test_sound_and_damaged_batches(joined: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_JOINED_BYTES", joined)
    rng, taken, refused = random.Random(7), 0, 0
    for _ in range(3000):
        whole = rng.random() < 0.3
        batch = [sound_example(rng) if whole else damaged(sound_example(rng), rng) for _ in range(rng.randrange(3))]
        found = by_library(batch)
        if found is None:
            assert not whole
            refused += 1
            continue
        taken += 1
        for ours, theirs in zip(found, examples._read(batch, WANTED), strict=True):
            np.testing.assert_array_equal(ours.values, theirs.values)
            np.testing.assert_array_equal(ours.counts, theirs.counts)
            assert ours.values.dtype == theirs.values.dtype
            assert ours.each == (
                theirs.counts[0] if batch and len({*theirs.counts.tolist()}) == 1 and theirs.counts[0] >= 0 else None
            )
    assert taken > 1000
    assert refused > 300


@pytest.mark.parametrize("joined", [1 << 22, -1], ids=["joined", "apart"])
def test_strings_of_one_length_are_packed(joined: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_JOINED_BYTES", joined)

    def example(*texts: bytes) -> bytes:
        return bytes(Example(features=Features(feature={"t": Feature(bytes_list=BytesList(value=texts))})).SerializeToString())

    def packed(*batch: bytes) -> np.ndarray:  # type: ignore[type-arg]
        return examples.read(batch, [("t", dtypes.string)], {"t"})[0].values

    np.testing.assert_array_equal(packed(example(b"ab", b"cd"), example(), example(b"ef")), [[97, 98], [99, 100], [101, 102]])
    assert packed(example(b"", b"")).shape == (2, 0)
    assert packed(example(b"ab"), example(b"c")).tolist() == [b"ab", b"c"]
    assert packed(example(), b"").tolist() == []


def test_many_features_are_told_apart() -> None:
    names = [f"feature-{i}" for i in range(300)]
    made = {name: Feature(int64_list=Int64List(value=[i, -i])) for i, name in enumerate(names)}
    data = Example(features=Features(feature=made)).SerializeToString()
    found = native.columns([data], [(name, "int64_list") for name in names])
    assert found is not None
    assert [values.tolist() for values, *_ in found] == [[i, -i] for i in range(300)]


@pytest.mark.parametrize("name", ["größe", "大小"])
def test_names_that_are_not_ascii(name: str) -> None:
    data = Example(features=Features(feature={name: Feature(int64_list=Int64List(value=[3]))})).SerializeToString()
    found = native.columns([data], [(name, "int64_list")])
    assert found is not None
    assert found[0][0].tolist() == [3]
    assert native.columns([data], [("x", "int64_list")]) is None, "protobuf checks names"
    assert examples.read([data], [("x", dtypes.int64)])[0].counts.tolist() == [-1]


def test_one_feature_asked_for_with_two_dtypes_is_an_error() -> None:
    data = Example(features=Features(feature={"x": Feature(int64_list=Int64List(value=[3]))})).SerializeToString()
    assert [column.values.tolist() for column in examples.read([data], [("x", dtypes.int64)] * 2)] == [[3], [3]]
    with pytest.raises(errors.InvalidArgumentError, match="feature 'x' of example 0"):
        examples.read([data], [("x", dtypes.int64), ("x", dtypes.string)])
