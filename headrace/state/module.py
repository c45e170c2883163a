"""tf.Module: an object that owns variables, modules and functions."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from headrace.core import nest
from headrace.dispatch import context
from headrace.state.tracking import AutoTrackable
from headrace.state.variable import Variable


@contextmanager
def name_scope(name: str) -> Iterator[str]:
    """Prefixes the names of variables and nodes made inside with `name/`. A name that ends in `/` is taken as absolute."""
    state = context.state()
    before = state.name_scope
    state.name_scope = name if name.endswith("/") else (f"{before}{name}/" if name else "")
    try:
        yield state.name_scope
    finally:
        state.name_scope = before


class Module(AutoTrackable):
    """Base class for anything that owns variables.

    Args:
        name: a Python identifier; the class name in snake case by default.

    Raises:
        ValueError: the name is no identifier.
    """

    def __init__(self, name: str | None = None) -> None:
        name = _snake_case(type(self).__name__) if name is None else name
        if not name.isidentifier():
            raise ValueError(f"{name!r} is not a valid module name; expected a Python identifier")
        self._name = name

    @property
    def name(self) -> str:
        """The module's name."""
        return self.__dict__.get("_name") or _snake_case(type(self).__name__)

    @property
    def name_scope(self) -> Any:
        """A context that prefixes names with this module's."""
        return name_scope(self.name)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Every variable of this module and of those below it."""
        return tuple(self._flatten(lambda value: isinstance(value, Variable)))

    @property
    def trainable_variables(self) -> tuple[Variable, ...]:
        """The variables that are trainable."""
        return tuple(v for v in self.variables if v.trainable)

    @property
    def non_trainable_variables(self) -> tuple[Variable, ...]:
        """The variables that are not trainable."""
        return tuple(v for v in self.variables if not v.trainable)

    @property
    def submodules(self) -> tuple[Module, ...]:
        """Every module below this one."""
        return tuple(self._flatten(lambda value: isinstance(value, Module)))

    def _flatten(self, wanted: Callable[[Any], bool], seen: set[int] | None = None) -> Iterator[Any]:
        """Leaves of the attributes in order of their names: those of this module first, then those of the modules below."""
        seen = {id(self)} if seen is None else seen
        below = []
        for key in sorted(vars(self)):
            for leaf in nest.flatten(vars(self)[key]):
                if isinstance(leaf, Module | Variable) and id(leaf) not in seen:
                    seen.add(id(leaf))
                    if wanted(leaf):
                        yield leaf
                    if isinstance(leaf, Module):
                        below.append(leaf)
        for module in below:
            yield from module._flatten(wanted, seen)

    @classmethod
    def with_name_scope(cls, method: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator: runs a method inside the module's name scope."""

        @functools.wraps(method)
        def wrapper(self: Module, *args: Any, **kwargs: Any) -> Any:
            with self.name_scope:
                return method(self, *args, **kwargs)

        return wrapper


def _snake_case(name: str) -> str:
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name))
    return spaced.lower().lstrip("_") or "module"
