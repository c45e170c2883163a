"""tensorflow.python.framework.type_spec_registry: the names under which saved configurations know type specs."""

from __future__ import annotations

from headrace.core.spec import TensorSpec, TypeSpec
from headrace.dispatch.composite import IndexedSlicesSpec
from headrace.ragged.tensor import RaggedTensorSpec
from headrace.sparse.tensor import SparseTensorSpec

_NAMES: dict[str, type[TypeSpec]] = {
    "tf.TensorSpec": TensorSpec,
    "tf.RaggedTensorSpec": RaggedTensorSpec,
    "tf.SparseTensorSpec": SparseTensorSpec,
    "tf.IndexedSlicesSpec": IndexedSlicesSpec,
}


def lookup(name: str) -> type[TypeSpec]:
    """The class of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in _NAMES:
        raise ValueError(f"no type spec has the name {name!r}; expected one of {sorted(_NAMES)}")
    return _NAMES[name]


def get_name(cls: type[TypeSpec]) -> str:
    """The name of a class.

    Raises:
        ValueError: it has none.
    """
    for name, known in _NAMES.items():
        if known is cls:
            return name
    raise ValueError(f"{cls.__name__} has no name; expected one of {[c.__name__ for c in _NAMES.values()]}")
