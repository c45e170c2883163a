"""Lookup tables, eagerly and in functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import headrace as tf
from headrace.core.errors import FailedPreconditionError, InvalidArgumentError


def _static() -> Any:
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "b", "c"], np.int64([7, 8, 9])), -1)


def test_lookup_and_default() -> None:
    table = _static()
    found = table.lookup([["c", "x"], ["a", "a"]])
    assert found.dtype is tf.int64
    np.testing.assert_array_equal(found, [[9, -1], [7, 7]])
    assert int(table.size()) == 3
    keys, values = table.export()
    assert dict(zip(keys.numpy().tolist(), values.numpy().tolist(), strict=True)) == {b"a": 7, b"b": 8, b"c": 9}


def test_lookup_in_a_function_between_compiled_parts() -> None:
    table = _static()
    weights = tf.constant(np.arange(20, dtype=np.float32))

    @tf.function
    def program(keys: Any) -> Any:
        return tf.gather(weights, table.lookup(keys) + 1) * 2.0

    np.testing.assert_array_equal(program(tf.constant(["b", "?"])), [18.0, 0.0])


def test_mutable_table_in_a_function() -> None:
    table = tf.lookup.experimental.MutableHashTable(tf.int64, tf.float32, [0.0, 0.0])

    @tf.function
    def program(keys: Any, values: Any) -> Any:
        table.insert(keys, values)
        before = table.size()
        table.remove(keys[:1])
        return table.lookup(keys), before, table.size()

    found, before, after = program(tf.constant(np.int64([1, 2])), tf.constant([[1.0, 2.0], [3.0, 4.0]]))
    np.testing.assert_array_equal(found, [[0.0, 0.0], [3.0, 4.0]])
    assert (int(before), int(after)) == (2, 1)


def test_bad_input() -> None:
    table = _static()
    with pytest.raises(InvalidArgumentError, match="cannot be changed"):
        tf.raw_ops.LookupTableInsertV2(table_handle=table.resource_handle, keys=["z"], values=np.int64([1]))
    with pytest.raises(FailedPreconditionError, match="given twice"):
        tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "a"], [1, 2]), 0)
    with pytest.raises(FailedPreconditionError, match="initialized already"):
        tf.lookup.KeyValueTensorInitializer(["a"], np.int64([1])).initialize(table)
    with pytest.raises(InvalidArgumentError, match="must have shape"):
        tf.lookup.experimental.MutableHashTable(tf.int64, tf.float32, 0.0).insert(np.int64([1, 2]), [1.0])
