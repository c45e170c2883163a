"""Saving tables and assets: names that meet, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as tf
from headrace import saved_model
from headrace.core.errors import InvalidArgumentError, NotFoundError


def _lines(path: Path) -> Any:
    index = tf.lookup.TextFileIndex
    initializer = tf.lookup.TextFileInitializer(str(path), tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER)
    return tf.lookup.StaticHashTable(initializer, -1)


def _finder(table: Any) -> Any:
    def find(keys: Any) -> Any:
        return table.lookup(keys)

    return tf.function(find, input_signature=[tf.TensorSpec([None], tf.string, "keys")])


def test_two_files_of_one_name_stay_apart(tmp_path: Path) -> None:
    model = tf.Module()
    for folder, text in (("one", "a\n"), ("two", "b\na\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "words.txt").write_text(text)
        table = _lines(tmp_path / folder / "words.txt")
        setattr(model, folder, table)
        setattr(model, f"find_{folder}", _finder(table))
    saved_model.save(model, tmp_path / "model")
    loaded = saved_model.load(tmp_path / "model")
    assert sorted(path.name for path in (tmp_path / "model" / "assets").iterdir()) == ["words.txt", "words.txt_1"]
    np.testing.assert_array_equal(loaded.find_one(tf.constant(["a", "b"])), [0, -1])
    np.testing.assert_array_equal(loaded.find_two(tf.constant(["a", "b"])), [1, 0])


def test_an_asset_is_copied(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("hello")
    model = tf.Module()
    model.note = saved_model.Asset(str(tmp_path / "note.txt"))
    model.path = tf.function(lambda: tf.strings.join([model.note.asset_path, "!"]), input_signature=[])
    saved_model.save(model, tmp_path / "model")
    (tmp_path / "note.txt").unlink()
    loaded = saved_model.load(tmp_path / "model")
    expected = tmp_path / "model" / "assets" / "note.txt"
    assert expected.read_text() == "hello"
    assert loaded.note.asset_path.numpy() == str(expected).encode()
    assert loaded.path().numpy() == f"{expected}!".encode()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    model = tf.Module()
    model.note = saved_model.Asset(str(tmp_path / "nowhere.txt"))
    with pytest.raises(NotFoundError, match=r"nowhere.txt' is no file"):
        saved_model.save(model, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_table_that_hangs_nowhere_is_refused(tmp_path: Path) -> None:
    table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, 0)
    model = tf.Module()
    model.find = _finder(table)
    with pytest.raises(InvalidArgumentError, match="uses the table .* hangs on no attribute"):
        saved_model.save(model, tmp_path / "model", signatures=model.find)
