"""tf.compat.v1.sets: sets, as far as TensorFlow 2 has them under the same names."""

from headrace.sparse.sets import difference as difference
from headrace.sparse.sets import intersection as intersection
from headrace.sparse.sets import size as size
from headrace.sparse.sets import union as union
