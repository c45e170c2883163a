"""tf.__internal__.types: what counts as a tensor."""

from headrace.dispatch.tensor import TensorLike as Tensor

__all__ = ["Tensor"]
