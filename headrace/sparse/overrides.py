"""Public functions on sparse tensors: those of one input work on the values."""

from headrace.dispatch.overriding import elementwise_version
from headrace.ops.math import functions
from headrace.sparse.tensor import SparseTensor

ELEMENTWISE = (functions.abs, functions.cast, functions.round)

for _function in ELEMENTWISE:
    elementwise_version(_function, SparseTensor)
