"""Classes that libraries tell by the name of their module instead of by isinstance."""

from __future__ import annotations

from headrace.data.pipeline.dataset import Dataset
from headrace.dispatch.tensor import Tensor
from headrace.ragged.tensor import RaggedTensor
from headrace.sparse.tensor import SparseTensor

KNOWN: dict[type, tuple[str, str]] = {
    Dataset: ("tensorflow.python.data.ops.dataset_ops", "DatasetV2"),
    Tensor: ("tensorflow.python.framework.tensor", "Tensor"),
    RaggedTensor: ("tensorflow.python.ops.ragged.ragged_tensor", "RaggedTensor"),
    SparseTensor: ("tensorflow.python.framework.sparse_tensor", "SparseTensor"),
}
"""Our classes, each with the module and the name that TensorFlow's has. Keras sorts training data by these."""


def take_names() -> None:
    """Gives our classes the names by which libraries know TensorFlow's."""
    for kind, (module, name) in KNOWN.items():
        kind.__module__, kind.__name__ = module, name


_OWN = {kind: (kind.__module__, kind.__name__) for kind in KNOWN}


def give_names_back() -> None:
    """Gives our classes their own names again."""
    for kind, (module, name) in _OWN.items():
        kind.__module__, kind.__name__ = module, name
