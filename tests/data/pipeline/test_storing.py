"""Datasets in files: save, load, snapshot and cache with a name."""

from __future__ import annotations

import collections
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as tf

Dataset = tf.data.Dataset


def structured() -> Any:
    """Elements of many kinds."""
    ragged = tf.ragged.constant([[1], [2, 3], []])
    sparse = tf.sparse.from_dense([[1, 0], [0, 2], [3, 3]])
    return Dataset.from_tensor_slices({"r": ragged, "s": (sparse, list("abc")), "b": tf.cast([1.5, 2.5, 3.5], tf.bfloat16)})


def flat(dataset: Any) -> list[Any]:
    """The elements as plain lists."""
    return [[np.asarray(part).tolist() for part in tf.nest.flatten(e, expand_composites=True)] for e in dataset]


@pytest.mark.parametrize("compression", [None, "GZIP"])
def test_save_and_load(tmp_path: Path, compression: str | None) -> None:
    structured().save(str(tmp_path / "d"), compression=compression)
    loaded = Dataset.load(str(tmp_path / "d"))
    assert loaded.element_spec == structured().element_spec
    assert flat(loaded) == flat(structured())
    assert len(loaded) == 3


def test_shards_and_readers(tmp_path: Path) -> None:
    Dataset.range(10).save(str(tmp_path), shard_func=lambda x: x % 3)
    in_order = list(Dataset.load(str(tmp_path)).as_numpy_iterator())
    assert in_order == [0, 3, 6, 9, 1, 4, 7, 2, 5, 8]
    mixed = Dataset.load(str(tmp_path), reader_func=lambda d: d.interleave(lambda x: x, cycle_length=3))
    assert list(mixed.as_numpy_iterator()) == list(range(10))


def test_saving_again_replaces(tmp_path: Path) -> None:
    Dataset.range(10).save(str(tmp_path))
    Dataset.range(3).save(str(tmp_path))
    assert list(Dataset.load(str(tmp_path)).as_numpy_iterator()) == [0, 1, 2]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_failed_save_leaves_what_was_there(tmp_path: Path) -> None:
    Dataset.range(3).save(str(tmp_path))
    with pytest.raises(tf.errors.InvalidArgumentError):
        Dataset.from_tensor_slices([1.0, 0.0]).map(lambda x: tf.debugging.check_numerics(1 / x, "no")).save(str(tmp_path))
    assert list(Dataset.load(str(tmp_path)).as_numpy_iterator()) == [0, 1, 2]
    assert len(list(tmp_path.iterdir())) == 2


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(tf.errors.NotFoundError):
        Dataset.load(str(tmp_path / "none"))
    Dataset.range(3).save(str(tmp_path))
    index = tmp_path / "dataset.index"
    with pytest.raises(tf.errors.InvalidArgumentError, match="asked for"):
        Dataset.load(str(tmp_path), element_spec=tf.TensorSpec((), tf.string))
    good = json.loads(index.read_text())
    for wrong in ("{", "[]", json.dumps(good | {"files": ["../x"]}), json.dumps(good | {"spec": "???"})):
        index.write_text(wrong)
        with pytest.raises(tf.errors.DataLossError):
            list(Dataset.load(str(tmp_path)))
    index.write_text(json.dumps(good))
    data = tmp_path / good["files"][0]
    data.write_bytes(data.read_bytes()[:-20])
    with pytest.raises(tf.errors.DataLossError):
        list(Dataset.load(str(tmp_path)))


@pytest.mark.parametrize("kind", ["cache", "snapshot"])
def test_later_passes_read_the_files(tmp_path: Path, kind: str) -> None:
    calls = collections.Counter[str]()

    def counted(x: Any) -> Any:
        calls["map"] += 1
        return x * 2

    def make() -> Any:
        mapped = Dataset.range(4).map(lambda x: tf.numpy_function(counted, [x], tf.int64))
        place = str(tmp_path / kind)
        return mapped.cache(place) if kind == "cache" else mapped.snapshot(place)

    first = make()
    next(iter(first))
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]
    assert [int(x) for x in first] == [0, 2, 4, 6]
    assert calls["map"] == 5
    assert [int(x) for x in first] == [0, 2, 4, 6]
    assert [int(x) for x in make()] == [0, 2, 4, 6]
    assert calls["map"] == 5
    other = Dataset.range(4).map(tf.strings.as_string)
    with pytest.raises(tf.errors.InvalidArgumentError, match="remove the files"):
        list(other.cache(str(tmp_path / kind)) if kind == "cache" else other.snapshot(str(tmp_path / kind)))
