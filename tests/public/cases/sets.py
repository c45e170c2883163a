"""tf.sets and tf.edit_distance."""

from __future__ import annotations

import numpy as np

from tests.public.case import case

A, B = np.int32([[1, 2, 2, 9], [3, 4, 4, 5]]), np.int32([[2, 1, 1], [7, 5, 4]])
PLACES, VALUES = np.int64([[0, 0], [0, 2], [1, 1]]), np.int32([1, 1, 5])


def _sparse(tf, values=VALUES, places=PLACES, shape=(2, 3)):
    return tf.SparseTensor(places, values, shape)


def _parts(x):
    return x.indices, x.values, x.dense_shape


CASES = {
    **{
        f"{name}-{kind}": case(lambda tf, name=name, kind=kind: _parts(getattr(tf.sets, name)(*_pair(tf, kind))))
        for name in ("intersection", "union", "difference")
        for kind in ("dense", "sparse", "dense-sparse", "sparse-dense")
    },
    "difference-b": case(lambda tf: _parts(tf.sets.difference(_sparse(tf), A, aminusb=False))),
    "words": case(lambda tf: _parts(tf.sets.union([["b", "a"]], [["c", "b"]]))),
    "size": case(lambda tf: tf.sets.size(_sparse(tf))),
    "size-dense": case(lambda tf: tf.sets.size(A)),
    "size-disorder": case(lambda tf: tf.sets.size(_sparse(tf, places=PLACES[::-1])), in_function=False),
    "groups": case(lambda tf: _parts(tf.sets.union(A, B[:1])), in_function=False),
    "vectors": case(lambda tf: _parts(tf.sets.union([1], [2])), in_function=False),
    "floats": case(lambda tf: _parts(tf.sets.union([[1.0]], [[2.0]]))),
    "dtypes": case(lambda tf: _parts(tf.sets.union([[1]], [["a"]]))),
    "edit-distance": case(lambda tf: tf.edit_distance(_sparse(tf), _sparse(tf, VALUES[::-1], shape=(3, 3)))),
    "edit-distance-words": case(
        lambda tf: tf.edit_distance(_sparse(tf, np.array(["a", "b", "c"])), _sparse(tf, np.array(["a", "x", "c"])), False)
    ),
    "edit-distance-dense": case(lambda tf: tf.edit_distance(A, B)),
    "edit-distance-rank": case(
        lambda tf: tf.edit_distance(_sparse(tf, VALUES[:1], np.int64([[0]]), [2]), _sparse(tf)), in_function=False
    ),
}


def _pair(tf, kind):
    other = _sparse(tf, np.int32([5, 6]), np.int64([[1, 0], [1, 2]]), [2, 4])
    return {"dense": (A, B), "sparse": (_sparse(tf), other), "dense-sparse": (A, other), "sparse-dense": (other, A)}[kind]
