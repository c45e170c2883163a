"""Nested structures: lists, tuples, named tuples and mappings of leaves.

Mappings are walked in sorted key order, as TensorFlow does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from headrace.core.spec import CompositeSpec, CompositeTensor


def is_nested(seq: Any) -> bool:
    """True for a list, a tuple or a mapping."""
    return isinstance(seq, list | tuple | Mapping)


def is_namedtuple(value: Any) -> bool:
    """True for an instance of a named tuple."""
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _sorted_keys(mapping: Mapping[Any, Any]) -> list[Any]:
    try:
        return sorted(mapping)
    except TypeError:
        raise TypeError(f"the keys of a nested mapping must be sortable; got {list(mapping)}") from None


def _children(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        for key in _sorted_keys(value):
            yield key, value[key]
    else:
        yield from enumerate(value)


def flatten(structure: Any, expand_composites: bool = False) -> list[Any]:
    """The leaves of `structure`, depth first. A leaf alone gives a list of one.

    Args:
        expand_composites: takes sparse and ragged tensors (and their specs) apart into their components.
    """
    if not is_nested(structure):
        return _components(structure) if expand_composites else [structure]
    leaves: list[Any] = []
    for _, child in _children(structure):
        leaves.extend(flatten(child, expand_composites))
    return leaves


def _components(leaf: Any) -> list[Any]:
    if isinstance(leaf, CompositeTensor):
        return leaf.type_spec.components(leaf)
    return list(leaf.component_specs) if isinstance(leaf, CompositeSpec) else [leaf]


def flatten_with_path(structure: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    """The leaves of `structure`, each with the keys that lead to it."""
    if not is_nested(structure):
        return [(path, structure)]
    return [pair for key, child in _children(structure) for pair in flatten_with_path(child, (*path, key))]


def pack_sequence_as(structure: Any, flat_sequence: Any, expand_composites: bool = False) -> Any:
    """The shape of `structure` with its leaves taken in order from `flat_sequence`.

    Raises:
        ValueError: the number of leaves differs.
    """
    flat = list(flat_sequence)
    count = len(flatten(structure, expand_composites))
    if count != len(flat):
        raise ValueError(f"the structure has {count} leaves but {len(flat)} values were given; structure: {structure!r}")
    leaves = iter(flat)

    def leaf(place: Any) -> Any:
        if expand_composites and isinstance(place, CompositeTensor | CompositeSpec):
            spec = place if isinstance(place, CompositeSpec) else place.type_spec
            return spec.from_components([next(leaves) for _ in _components(place)])
        return next(leaves)

    return _rebuild(structure, leaf)


def _rebuild(structure: Any, leaf: Callable[[Any], Any]) -> Any:
    if not is_nested(structure):
        return leaf(structure)
    if isinstance(structure, Mapping):
        built = {key: _rebuild(structure[key], leaf) for key in _sorted_keys(structure)}
        ordered = {key: built[key] for key in structure}
        return ordered if type(structure) is dict else like_mapping(structure, ordered)
    items = [_rebuild(child, leaf) for child in structure]
    if is_namedtuple(structure):
        return type(structure)(*items)
    return tuple(items) if isinstance(structure, tuple) else items


def like_mapping(structure: Mapping[Any, Any], items: dict[Any, Any]) -> Any:
    """A mapping of the kind of `structure` with these items; a plain dict where its class is not made of one."""
    if hasattr(structure, "default_factory"):
        return type(structure)(structure.default_factory, items)  # type: ignore[call-arg]
    try:
        return type(structure)(items)  # type: ignore[call-arg]
    except TypeError:
        return items


def map_structure(func: Callable[..., Any], *structures: Any, **options: Any) -> Any:
    """Applies `func` to the leaves of structures of one shape.

    Raises:
        ValueError: the structures differ in shape.
        TypeError: no structure was given.
    """
    if not structures:
        raise TypeError("map_structure needs at least one structure")
    expand = bool(options.pop("expand_composites", False))
    check_types = options.pop("check_types", True)
    if options:
        raise TypeError(f"map_structure got unknown options {sorted(options)}")
    for other in structures[1:]:
        assert_same_structure(structures[0], other, check_types=check_types)
    columns = zip(*(flatten(s, expand) for s in structures), strict=True)
    return pack_sequence_as(structures[0], [func(*leaves) for leaves in columns], expand)


def map_structure_up_to(shallow: Any, func: Callable[[Any, Any], Any], deep: Any) -> Any:
    """Applies `func` to each leaf of `shallow` and what stands in its place in `deep`, which may be a structure itself.

    Raises:
        ValueError: `deep` has not the structure of `shallow` down to its leaves.
    """
    if not is_nested(shallow):
        return func(shallow, deep)
    if isinstance(shallow, Mapping) != isinstance(deep, Mapping) or not is_nested(deep) or len(shallow) != len(deep):
        raise ValueError(f"the structures differ: {shallow!r} against {deep!r}")
    below = dict(_children(deep))
    leaves = [(key, map_structure_up_to(child, func, below[key])) for key, child in _children(shallow) if key in below]
    if len(leaves) != len(below):
        raise ValueError(f"the structures differ in their keys: {list(shallow)} against {list(deep)}")
    parts = dict(leaves)
    if isinstance(shallow, Mapping):
        return {key: parts[key] for key in shallow}
    return tuple(parts.values()) if isinstance(shallow, tuple) else list(parts.values())


def assert_same_structure(nest1: Any, nest2: Any, check_types: bool = True, expand_composites: bool = False) -> None:
    """Raises ValueError (TypeError for differing container types) unless both have one shape."""
    if is_nested(nest1) != is_nested(nest2):
        raise ValueError(f"the structures differ: {nest1!r} against {nest2!r}")
    if not is_nested(nest1):
        return
    if isinstance(nest1, Mapping) != isinstance(nest2, Mapping):
        raise TypeError(f"the structures differ in type: {type(nest1).__name__} against {type(nest2).__name__}")
    if check_types and not isinstance(nest1, Mapping) and type(nest1) is not type(nest2):
        raise TypeError(f"the structures differ in type: {type(nest1).__name__} against {type(nest2).__name__}")
    first, second = list(_children(nest1)), list(_children(nest2))
    if len(first) != len(second) or isinstance(nest1, Mapping) and [k for k, _ in first] != [k for k, _ in second]:
        raise ValueError(f"the structures differ: {nest1!r} against {nest2!r}")
    for (_, a), (_, b) in zip(first, second, strict=True):
        assert_same_structure(a, b, check_types)
