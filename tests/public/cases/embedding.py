"""tf.nn.embedding_lookup_sparse and its safe form."""

from __future__ import annotations

import numpy as np

from tests.public.case import case

TABLE = np.random.RandomState(2).standard_normal((5, 3)).astype(np.float32)
PLACES, IDS, WEIGHTS = np.int64([[0, 0], [0, 1], [2, 0]]), np.int64([1, 1, 3]), np.float32([0.5, 2, 1])
INVALID = np.int64([1, -1, -3])
CUBE = np.int64([[0, 0, 0], [0, 1, 1], [1, 0, 0]])


def _ids(tf, values=IDS, places=PLACES, shape=(4, 2)):
    return tf.SparseTensor(places, values, shape)


def _weights(tf, values=WEIGHTS, places=PLACES, shape=(4, 2)):
    return tf.SparseTensor(places, values, shape)


CASES = {
    **{
        f"{combiner}{'-weights' if weighted else ''}{'-norm' if norm else ''}": case(
            lambda tf, x, combiner=combiner, weighted=weighted, norm=norm: tf.nn.embedding_lookup_sparse(
                x, _ids(tf), _weights(tf) if weighted else None, combiner, norm
            ),
            TABLE,
        )
        for combiner in ("sum", "mean", "sqrtn")
        for weighted in (False, True)
        for norm in (None, 0.7)
    },
    "half": case(lambda tf, x: tf.nn.embedding_lookup_sparse(x, _ids(tf), _weights(tf)), TABLE.astype(np.float16), tolerance=1e-2),
    "ragged": case(
        lambda tf, x: tf.nn.embedding_lookup_sparse(x, tf.RaggedTensor.from_row_splits(IDS, np.int64([0, 2, 2, 3])), None), TABLE
    ),
    "combiner": case(lambda tf, x: tf.nn.embedding_lookup_sparse(x, _ids(tf), None, "product"), TABLE),
    "dense-ids": case(lambda tf, x: tf.nn.embedding_lookup_sparse(x, [[1]], None), TABLE),
    "few-weights": case(lambda tf, x: tf.nn.embedding_lookup_sparse(x, _ids(tf), _weights(tf, WEIGHTS[:1], PLACES[:1])), TABLE),
    "safe": case(lambda tf, x: tf.nn.safe_embedding_lookup_sparse(x, _ids(tf)), TABLE),
    "safe-weights": case(
        lambda tf, x: tf.nn.safe_embedding_lookup_sparse(x, _ids(tf), _weights(tf, np.float32([0.5, -1, 0]))), TABLE
    ),
    "safe-sum": case(
        lambda tf, x: tf.nn.safe_embedding_lookup_sparse(x, _ids(tf), _weights(tf, np.float32([0.5, -1, 0])), "sum"), TABLE
    ),
    "safe-default": case(lambda tf, x: tf.nn.safe_embedding_lookup_sparse(x, _ids(tf, INVALID), default_id=2), TABLE),
    "safe-invalid": case(lambda tf, x: tf.nn.safe_embedding_lookup_sparse(x, _ids(tf, INVALID), max_norm=0.5), TABLE),
    "safe-cube": case(lambda tf, x: tf.nn.safe_embedding_lookup_sparse(x, _ids(tf, IDS, CUBE, (2, 2, 2))), TABLE),
}
