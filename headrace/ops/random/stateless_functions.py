"""New seeds from seeds: tf.random.split and fold_in."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core.dtypes import DType
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.random import stateless
from headrace.ops.random.algorithms import seeded


def _full_integers(shape: list[int], seed: Any, dtype: DType, alg: Any) -> Tensor:
    return stateless.stateless_random_uniform_full_int_v2(np.array(shape, np.int32), *seeded(seed, alg), dtype=dtype)


def split(seed: Any, num: int = 2, alg: Any = "auto_select") -> Tensor:
    """`num` new seeds that a seed decides; TensorFlow's.

    Args:
        seed: two integers, int32 or int64.
        num: how many seeds.
        alg: "philox" or "auto_select", which is the same.

    Returns:
        The seeds, [num, 2], in the dtype of `seed`.
    """
    given = convert_to_tensor(seed)
    return _full_integers([num, 2], given, given.dtype, alg)


def fold_in(seed: Any, data: Any, alg: Any = "auto_select") -> Tensor:
    """The new seed that a seed and an integer decide; TensorFlow's.

    Args:
        seed: two integers, int32 or int64.
        data: a scalar, int32 or int64.
        alg: "philox" or "auto_select", which is the same.

    Returns:
        The seed, [2], in the dtype of `data`.
    """
    given = convert_to_tensor(data)
    packed: Tensor = get("Pack")([_full_integers([], seed, given.dtype, alg), given])
    return packed
