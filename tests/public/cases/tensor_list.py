"""The TensorList ops, each through tf.raw_ops, with gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.public.case import case

X = np.float32([[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]])
ROW = [2]


def _from(tf: Any, x: Any) -> Any:
    return tf.raw_ops.TensorListFromTensor(tensor=x, element_shape=tf.constant(ROW))


def _stack(tf: Any, handle: Any) -> Any:
    return tf.raw_ops.TensorListStack(input_handle=handle, element_shape=tf.constant(ROW), element_dtype=tf.float32)


def _set_and_get(tf: Any, x: Any) -> Any:
    handle = tf.raw_ops.TensorListReserve(element_shape=tf.constant(ROW), num_elements=4, element_dtype=tf.float32)
    handle = tf.raw_ops.TensorListSetItem(input_handle=handle, index=2, item=x[0] * x[1])
    handle = tf.raw_ops.TensorListSetItem(input_handle=handle, index=0, item=x[2])
    handle = tf.raw_ops.TensorListSetItem(input_handle=handle, index=0, item=x[1] * 3.0)
    item = tf.raw_ops.TensorListGetItem(input_handle=handle, index=0, element_shape=tf.constant(ROW), element_dtype=tf.float32)
    return item * item, _stack(tf, handle), tf.raw_ops.TensorListLength(input_handle=handle)


def _push_and_pop(tf: Any, x: Any) -> Any:
    handle = tf.raw_ops.EmptyTensorList(element_shape=tf.constant(ROW), max_num_elements=-1, element_dtype=tf.float32)
    for row in (x[0], x[1] * x[0], x[2]):
        handle = tf.raw_ops.TensorListPushBack(input_handle=handle, tensor=row)
    handle, last = tf.raw_ops.TensorListPopBack(input_handle=handle, element_shape=tf.constant(ROW), element_dtype=tf.float32)
    return last * 2.0, _stack(tf, handle)


def _gather_and_scatter(tf: Any, x: Any) -> Any:
    gathered = tf.raw_ops.TensorListGather(
        input_handle=_from(tf, x * x), indices=[2, 0], element_shape=tf.constant(ROW), element_dtype=tf.float32
    )
    scattered = tf.raw_ops.TensorListScatterV2(tensor=x, indices=[1, 3, 0], element_shape=tf.constant(ROW), num_elements=5)
    into = tf.raw_ops.TensorListScatterIntoExistingList(input_handle=_from(tf, x), tensor=x[:2] * 2.0, indices=[2, 1])
    return gathered, _stack(tf, scattered), _stack(tf, into)


def _optional(tf: Any, x: Any) -> Any:
    made = tf.raw_ops.OptionalFromValue(components=[x[0] * 2.0, tf.constant(3)])
    shapes = [tf.TensorShape(ROW), tf.TensorShape([])]
    row, number = tf.raw_ops.OptionalGetValue(optional=made, output_types=[tf.float32, tf.int32], output_shapes=shapes)
    present = [tf.raw_ops.OptionalHasValue(optional=o) for o in (made, tf.raw_ops.OptionalNone())]
    return row * x[1], number, present


def _optional_of_another_kind(tf: Any, x: Any) -> Any:
    made = tf.raw_ops.OptionalFromValue(components=[x])
    return tf.raw_ops.OptionalGetValue(optional=made, output_types=[tf.int32], output_shapes=[tf.TensorShape(None)])


def _no_value(tf: Any) -> Any:
    none = tf.raw_ops.OptionalNone()
    return tf.raw_ops.OptionalGetValue(optional=none, output_types=[tf.float32], output_shapes=[tf.TensorShape(None)])


def _optionals_in_a_list(tf: Any, x: Any) -> Any:
    handle = tf.raw_ops.EmptyTensorList(element_shape=tf.constant([], tf.int32), max_num_elements=-1, element_dtype=tf.variant)
    for row in range(3):
        made = tf.raw_ops.OptionalFromValue(components=[x[row]])
        handle = tf.raw_ops.TensorListPushBack(input_handle=handle, tensor=made)
    scalar = tf.constant([], tf.int32)
    handle, _ = tf.raw_ops.TensorListPopBack(input_handle=handle, element_shape=scalar, element_dtype=tf.variant)
    _, second = tf.raw_ops.TensorListPopBack(input_handle=handle, element_shape=scalar, element_dtype=tf.variant)
    return tf.raw_ops.OptionalGetValue(optional=second, output_types=[tf.float32], output_shapes=[tf.TensorShape(ROW)])


def _resize(tf: Any, x: Any) -> Any:
    shorter = tf.raw_ops.TensorListResize(input_handle=_from(tf, x), size=2)
    longer = tf.raw_ops.TensorListResize(input_handle=_from(tf, x), size=4)
    return _stack(tf, shorter) * 2.0, _stack(tf, longer)


def _concat_and_split(tf: Any, x: Any) -> Any:
    shape = tf.constant([-1, 2])
    parts = tf.raw_ops.TensorListSplit(tensor=x, element_shape=shape, lengths=tf.constant([1, 2], tf.int64))
    joined, lengths = tf.raw_ops.TensorListConcatV2(
        input_handle=parts, element_shape=shape, leading_dims=tf.constant([], tf.int64), element_dtype=tf.float32
    )
    return joined * joined, lengths


def _element_shape(tf: Any, x: Any) -> Any:
    return tf.raw_ops.TensorListElementShape(input_handle=_from(tf, x), shape_type=tf.int64)


def _optional_of_a_branch(tf: Any, x: Any) -> Any:
    """A list of optionals, some without a value, as the gradient of a branch in a loop keeps them."""
    handle = tf.raw_ops.EmptyTensorList(element_shape=tf.constant([], tf.int32), max_num_elements=-1, element_dtype=tf.variant)
    some, none = tf.raw_ops.OptionalFromValue(components=[x[1]]), tf.raw_ops.OptionalNone()
    for optional in (some, none):
        handle = tf.raw_ops.TensorListPushBack(input_handle=handle, tensor=optional)
    scalar = tf.constant([], tf.int32)
    handle, last = tf.raw_ops.TensorListPopBack(input_handle=handle, element_shape=scalar, element_dtype=tf.variant)
    _, first = tf.raw_ops.TensorListPopBack(input_handle=handle, element_shape=scalar, element_dtype=tf.variant)
    (value,) = tf.raw_ops.OptionalGetValue(optional=first, output_types=[tf.float32], output_shapes=[[2]])
    return value, tf.raw_ops.OptionalHasValue(optional=last)


CASES = {
    "from-and-stack": case(lambda tf, x: _stack(tf, _from(tf, x * x)), X),
    "set-and-get": case(_set_and_get, X),
    "push-and-pop": case(_push_and_pop, X),
    "gather-and-scatter": case(_gather_and_scatter, X),
    "resize": case(_resize, X),
    "concat-and-split": case(_concat_and_split, X),
    "element-shape": case(_element_shape, X, gradient=False),
    "optional-in-a-list": case(_optional_of_a_branch, X, gradient=False),
    "optional": case(_optional, X, gradient=False),
    "optionals-in-a-list": case(_optionals_in_a_list, X, gradient=False),
    "optional-gradient": case(lambda tf, x: _optional(tf, x)[0], X),
    "optional-of-another-kind": case(_optional_of_another_kind, X, gradient=False),
    "optional-without-value": case(_no_value, gradient=False),
    "get-out-of-range": case(
        lambda tf, x: tf.raw_ops.TensorListGetItem(
            input_handle=_from(tf, x), index=3, element_shape=tf.constant(ROW), element_dtype=tf.float32
        ),
        X,
        in_function=False,
    ),
}
