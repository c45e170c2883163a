"""tf.__internal__.types: what counts as a tensor."""

from headrace.dispatch.tensor import ActsAsTensor as Tensor

__all__ = ["Tensor"]
