"""tf.lookup."""

from __future__ import annotations

import os
import tempfile
from typing import Any

import numpy as np

from tests.public.case import case


def _words(tf: Any) -> Any:
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "b"], np.int64([5, 6])), -1)


def _counted(tf: Any) -> Any:
    table = tf.lookup.experimental.MutableHashTable(tf.int64, tf.float32, [0.0, 1.0])
    table.insert(np.int64([3, 4]), [[1.0, 2.0], [3.0, 4.0]])
    table.insert(np.int64([4]), [[5.0, 6.0]])
    table.remove(np.int64([9]))
    return table


def _from_lines(tf: Any, text: str, **changes: Any) -> Any:
    """A table filled from a file of these lines: by default from the whole line to its number."""
    index = tf.lookup.TextFileIndex
    given = {"key_dtype": tf.string, "key_index": index.WHOLE_LINE, "value_dtype": tf.int64, "value_index": index.LINE_NUMBER}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "words.txt")
        with open(path, "w", newline="") as file:
            file.write(text)
        return tf.lookup.StaticHashTable(tf.lookup.TextFileInitializer(path, **given | changes), -1)


def _columns(tf: Any, text: str = "a,1\nb,2\n", **changes: Any) -> Any:
    return _from_lines(tf, text, **{"key_index": 0, "value_index": 1, "delimiter": ","} | changes)


def _vocabulary(tf: Any, buckets: int = 3, **changes: Any) -> Any:
    return tf.lookup.StaticVocabularyTable(tf.lookup.KeyValueTensorInitializer(["a", "b"], np.int64([0, 1])), buckets, **changes)


def _numbers(tf: Any, **changes: Any) -> Any:
    return tf.lookup.StaticVocabularyTable(tf.lookup.KeyValueTensorInitializer(np.int64([7, 9]), np.int64([0, 1])), 4, **changes)


def _dense(tf: Any, **changes: Any) -> Any:
    given = {"empty_key": -1, "deleted_key": -2} | changes
    table = tf.lookup.experimental.DenseHashTable(tf.int64, tf.float32, [0.5, 0.25], **given)
    table.insert(np.int64([3, 4]), [[1.0, 2.0], [3.0, 4.0]])
    table.insert_or_assign(np.int64([4]), [[5.0, 6.0]])
    table.erase(np.int64([3]))
    return table


def _raw(tf: Any, maker: str, **attributes: Any) -> Any:
    """What a table made by a raw op finds after an insertion and a removal."""
    handle = getattr(tf.raw_ops, maker)(key_dtype=tf.string, value_dtype=tf.float32, **attributes)
    values = tf.constant([[1.0, 2.0], [3.0, 4.0]]) if "value_shape" in attributes else tf.constant([1.0, 2.0])
    tf.raw_ops.LookupTableInsertV2(table_handle=handle, keys=tf.constant(["a", "b"]), values=values)
    tf.raw_ops.LookupTableRemoveV2(table_handle=handle, keys=tf.constant(["b"]))
    return tf.raw_ops.LookupTableFindV2(table_handle=handle, keys=tf.constant(["a", "b"]), default_value=values[0] * 0.0)


def _static_raw(tf: Any, maker: str, **attributes: Any) -> Any:
    handle = getattr(tf.raw_ops, maker)(key_dtype=tf.string, value_dtype=tf.int64, **attributes)
    tf.raw_ops.InitializeTableV2(table_handle=handle, keys=tf.constant(["a"]), values=np.int64([7]))
    return tf.raw_ops.LookupTableFindV2(table_handle=handle, keys=tf.constant(["a", "b"]), default_value=np.int64(-1))


def _dense_raw(tf: Any, maker: str, **attributes: Any) -> Any:
    handle = getattr(tf.raw_ops, maker)(empty_key="", deleted_key="-", value_dtype=tf.int64, **attributes)
    tf.raw_ops.LookupTableInsertV2(table_handle=handle, keys=tf.constant(["a"]), values=np.int64([7]))
    return tf.raw_ops.LookupTableFindV2(table_handle=handle, keys=tf.constant(["a", "b"]), default_value=np.int64(-1))


_WORDS = np.array([[b"a", b"x"], [b"b", b"yy"]])
_KEYS = np.array([b"b", b"a", b"c"])

_FILES = {
    "lines": case(lambda tf, keys: _from_lines(tf, "a\nb\nc").lookup(keys), _KEYS, in_function=False),
    "lines-of-windows": case(lambda tf, keys: _from_lines(tf, "a\r\nb\r\n").lookup(keys), _KEYS, in_function=False),
    "lines-few": case(lambda tf, keys: _from_lines(tf, "a\nb\nc\n", vocab_size=2).lookup(keys), _KEYS, in_function=False),
    "lines-too-few": case(lambda tf: _from_lines(tf, "a\nb\n", vocab_size=5).size(), in_function=False),
    "lines-from-ten": case(lambda tf, keys: _from_lines(tf, "a\nb\n", value_index_offset=10)[keys], _KEYS, in_function=False),
    "columns": case(lambda tf, keys: _columns(tf).lookup(keys), _KEYS, in_function=False),
    "columns-no-number": case(lambda tf: _columns(tf, "a,1\nb,x\n").size(), in_function=False),
    "columns-too-few": case(lambda tf: _columns(tf, "a,1\nb\n").size(), in_function=False),
    "columns-of-two-bytes": case(lambda tf: _columns(tf, delimiter=",,").size(), in_function=False),
    "columns-float": case(
        lambda tf, keys: _columns(tf, "a,1.5\nb,2\n", value_dtype=tf.float32).lookup(keys), _KEYS, gradient=False, in_function=False
    ),
    "columns-twice": case(lambda tf: _columns(tf, "a,1\na,2\n").size(), in_function=False),
    "no-file": case(
        lambda tf: tf.lookup.StaticHashTable(tf.lookup.TextFileInitializer("/nowhere", tf.string, -2, tf.int64, -1), -1).size(),
        in_function=False,
    ),
    "no-filename": case(lambda tf: tf.lookup.TextFileInitializer("", tf.string, -2, tf.int64, -1).key_dtype, in_function=False),
    "index-too-small": case(lambda tf: _from_lines(tf, "a\n", key_index=-3).size(), in_function=False),
    "number-of-another-dtype": case(lambda tf: _from_lines(tf, "a\n", value_dtype=tf.int32).size(), in_function=False),
}

_VOCABULARIES = {
    "vocabulary": case(lambda tf, keys: _vocabulary(tf).lookup(keys), _WORDS, in_function=False),
    "vocabulary-size": case(lambda tf: _vocabulary(tf).size(), in_function=False),
    "vocabulary-numbers": case(lambda tf, keys: _numbers(tf).lookup(keys), np.int64([7, 8, 9, -5]), in_function=False),
    "vocabulary-cast": case(
        lambda tf, keys: _numbers(tf, lookup_key_dtype=tf.int32).lookup(keys), np.int32([7, 8, 9, -5]), in_function=False
    ),
    "vocabulary-empty": case(lambda tf, keys: tf.lookup.StaticVocabularyTable(None, 5).lookup(keys), _WORDS, in_function=False),
    "vocabulary-no-buckets": case(lambda tf: _vocabulary(tf, 0).size(), in_function=False),
    "vocabulary-dtypes": case(lambda tf: _vocabulary(tf, lookup_key_dtype=tf.int64).size(), in_function=False),
    "vocabulary-keys": case(lambda tf: _vocabulary(tf).lookup(tf.constant([1])), in_function=False),
}

_DENSE = {
    "dense": case(lambda tf, keys: _dense(tf).lookup(keys), np.int64([4, 3]), gradient=False, in_function=False),
    "dense-size": case(lambda tf: _dense(tf, initial_num_buckets=4).size(), in_function=False),
    "dense-buckets": case(lambda tf: _dense(tf, initial_num_buckets=3).size(), in_function=False),
    "dense-equal-keys": case(lambda tf: _dense(tf, deleted_key=-1).size(), in_function=False),
    "dense-empty-key": case(lambda tf: _dense(tf).lookup(np.int64([-1])), gradient=False, in_function=False),
    "dense-deleted-key": case(lambda tf: _dense(tf).insert(np.int64([-2]), [[0.0, 0.0]]), in_function=False),
}

_RAW = {
    "raw-mutable": case(lambda tf: _raw(tf, "MutableHashTableV2", shared_name="m", container="c")),
    "raw-mutable-anonymous": case(lambda tf: _raw(tf, "AnonymousMutableHashTable")),
    "raw-tensors": case(lambda tf: _raw(tf, "MutableHashTableOfTensorsV2", shared_name="t", value_shape=[2])),
    "raw-tensors-anonymous": case(lambda tf: _raw(tf, "AnonymousMutableHashTableOfTensors", value_shape=[2])),
    "raw-tensors-of-unknown-shape": case(lambda tf: _raw(tf, "AnonymousMutableHashTableOfTensors", value_shape=[None])),
    "raw-static": case(lambda tf: _static_raw(tf, "HashTableV2", shared_name="s")),
    "raw-static-anonymous": case(lambda tf: _static_raw(tf, "AnonymousHashTable")),
    "raw-dense": case(lambda tf: _dense_raw(tf, "MutableDenseHashTableV2", shared_name="d", initial_num_buckets=8)),
    "raw-dense-anonymous": case(lambda tf: _dense_raw(tf, "AnonymousMutableDenseHashTable", initial_num_buckets=8)),
}

CASES = {
    **_FILES,
    **_VOCABULARIES,
    **_DENSE,
    **_RAW,
    "static": case(lambda tf, keys: _words(tf).lookup(keys), np.array([[b"a", b"x"], [b"b", b"b"]]), in_function=False),
    "static-size": case(lambda tf: _words(tf).size(), in_function=False),
    "static-keys-of-another-dtype": case(lambda tf: _words(tf).lookup(tf.constant([1])), in_function=False),
    "mutable": case(lambda tf, keys: _counted(tf).lookup(keys), np.int64([4, 3, 7]), gradient=False, in_function=False),
    "mutable-size": case(lambda tf: _counted(tf).size(), in_function=False),
    "twice": case(
        lambda tf: tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "a"], [1, 2]), 0).size(), in_function=False
    ),
}
