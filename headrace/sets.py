"""tf.sets: sets held in the rows of tensors."""

from headrace.sparse.sets import difference as difference
from headrace.sparse.sets import intersection as intersection
from headrace.sparse.sets import size as size
from headrace.sparse.sets import union as union
