"""Public functions that treat sparse and ragged tensors in a way of their own, given in a room above them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from headrace.core.errors import CompositeArgument

F = TypeVar("F", bound=Callable[..., Any])

_OVERRIDES: dict[tuple[Callable[..., Any], type], Callable[..., Any]] = {}


def dispatches(function: F) -> F:
    """Decorator: where `function` meets a sparse or ragged tensor, what `override` gave for its class runs instead."""

    @functools.wraps(function)
    def public(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except CompositeArgument as found:
            other = _OVERRIDES.get((public, type(found.value)))
            if other is None:
                raise
        return other(*args, **kwargs)

    return public  # type: ignore[return-value]


def override(function: Callable[..., Any], kind: type) -> Callable[[F], F]:
    """Decorator: gives the version of a `dispatches` function for tensors of class `kind`; it takes the same arguments."""

    def declare(version: F) -> F:
        if (function, kind) in _OVERRIDES:
            raise ValueError(f"{function.__name__} has two versions for {kind.__name__}")
        _OVERRIDES[function, kind] = version
        return version

    return declare


def elementwise_version(function: Callable[..., Any], kind: type) -> None:
    """Lets `function` work on the elements of tensors of class `kind` given as its first argument."""

    @override(function, kind)
    def version(x: Any, *args: Any, **kwargs: Any) -> Any:
        return x.with_gradient_tensor(function(x.gradient_tensor, *args, **kwargs))
