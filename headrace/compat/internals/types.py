"""tf.__internal__.types: what counts as a tensor."""

from __future__ import annotations

from abc import ABC

from headrace.dispatch import tensor


class Tensor(ABC):  # noqa: B024  (a mark: classes derive from it or are registered)
    """Anything that acts as a tensor: tensors themselves, and classes of libraries that derive from this one."""


Tensor.register(tensor.Tensor)
