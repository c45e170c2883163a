"""tensorflow.python.data.experimental.ops.distribute: how a batch is divided over hosts."""

from __future__ import annotations

from headrace.core import dtypes
from headrace.core.errors import InvalidArgumentError
from headrace.core.nest import flatten
from headrace.dispatch.convert import constant
from headrace.dispatch.tensor import Tensor


def compute_batch_size(dataset: object) -> Tensor:
    """The static batch size of a dataset, -1 where it is unknown; an int64 scalar.

    Raises:
        InvalidArgumentError: it is no dataset.
    """
    spec = getattr(dataset, "element_spec", None)
    if spec is None:
        raise InvalidArgumentError(f"a dataset has an element_spec; got {dataset!r}")
    sizes = {leaf.shape[0] if leaf.shape.rank else None for leaf in flatten(spec)}
    known = sizes.pop() if len(sizes) == 1 else None
    return constant(-1 if known is None else known, dtypes.int64)
