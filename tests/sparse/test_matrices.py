"""Gradients of products of sparse matrices are those of dense matrices at the places that are given."""

from __future__ import annotations

import numpy as np

import headrace as tf
from tests.public.cases.sparse_matrices import INDICES, OTHER, VALUES, product


def test_gradients_are_those_of_dense_matrices() -> None:
    a, b = tf.constant(VALUES), tf.constant(VALUES[:3])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([a, b])
        indices, values, *_ = product(tf, a, b)
        dense = tf.matmul(tf.scatter_nd(INDICES, a, [4, 3]), tf.scatter_nd(OTHER, b, [3, 4]))
        picked = tf.gather_nd(dense, indices)
        sparse_loss, dense_loss = tf.reduce_sum(values**2), tf.reduce_sum(picked**2)
    np.testing.assert_allclose(values, picked, rtol=1e-6)
    for source in (a, b):
        np.testing.assert_allclose(tape.gradient(sparse_loss, source), tape.gradient(dense_loss, source), rtol=1e-5)
