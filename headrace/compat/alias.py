"""The names `tensorflow` and `tensorflow_hub`: an import hook under which TensorFlow programs and libraries get Headrace."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from headrace.compat import names
from headrace.compat.internals import modules
from headrace.core.errors import FailedPreconditionError
from headrace.core.facades import PAGE

NAME = "tensorflow"
OURS = "headrace"
HUB = "tensorflow_hub"
BEHIND = {NAME: OURS, HUB: f"{OURS}.hub"}
"""The packages that we stand in for, and the modules that they are."""
VERSION = "2.21.0"
"""What `tf.__version__` says: the TensorFlow whose behaviour is the measure. Libraries decide by it what they may use."""
VERSIONS = {NAME: VERSION, HUB: "0.16.1"}


class Alias(ModuleType):
    """One of Headrace's modules under a name of TensorFlow's; its modules are aliases too.

    Args:
        name: such as `tensorflow.nn`.
        target: the module behind it.
    """

    def __init__(self, name: str, target: ModuleType) -> None:
        super().__init__(name, target.__doc__)
        self.__dict__["_headrace_target"] = target
        self.__path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        """The attribute of the module behind.

        Raises:
            AttributeError: Headrace has none of that name.
        """
        target = self.__dict__["_headrace_target"]
        try:
            value = getattr(target, name)
        except AttributeError:
            raise AttributeError(
                f"{self.__name__}.{name} is not there: this is Headrace under TensorFlow's name; {PAGE} lists what it has"
            ) from None
        if isinstance(value, ModuleType) and value.__name__.partition(".")[0] == OURS:
            return importlib.import_module(f"{self.__name__}.{name}")
        return value

    def __dir__(self) -> list[str]:
        """The names of the module behind."""
        return dir(self.__dict__["_headrace_target"])


class _Finder(MetaPathFinder, Loader):
    """Finds `tensorflow`, `tensorflow_hub`, and what is below them."""

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """A spec for the names that are ours to give."""
        if fullname.partition(".")[0] not in BEHIND:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The alias of the module that the dotted name leads to.

        Raises:
            ModuleNotFoundError: Headrace has no such module.
        """
        if modules.is_internal(spec.name):
            return _internal(spec.name)
        package, *parts = spec.name.split(".")
        module = importlib.import_module(BEHIND[package])
        for part in parts:
            found = getattr(module, part, None)
            if not isinstance(found, ModuleType):
                raise ModuleNotFoundError(
                    f"no module named {spec.name!r}: this is Headrace under TensorFlow's name; {PAGE} lists what it has",
                    name=spec.name,
                )
            module = found
        alias = Alias(spec.name, module)
        if not parts:
            alias.__dict__["__version__"] = VERSIONS[package]
        return alias

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: what the module has stands in the one behind it."""


def _internal(name: str) -> ModuleType:
    """An internal module of TensorFlow's, or a package above one."""
    known = modules.MODULES.get(name)
    return Alias(name, ModuleType(name, "A package of TensorFlow's.") if known is None else importlib.import_module(known))


_finder = _Finder()


def install() -> None:
    """Makes `import tensorflow`, here and in every library imported from now on, give Headrace, and `import tensorflow_hub`
    `headrace.hub`. Calling it again does nothing.

    Raises:
        FailedPreconditionError: real TensorFlow is imported already.
    """
    present = sys.modules.get(NAME)
    if present is not None and not isinstance(present, Alias):
        where = getattr(present, "__file__", None) or "an unknown place"
        raise FailedPreconditionError(
            f"TensorFlow itself is imported already, from {where}; call headrace.compat.install() before anything imports"
            " tensorflow, or start the program by `headrace run`"
        )
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
        names.take_names()


def uninstall() -> None:
    """Takes the name back; modules that were imported keep what they have."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
        names.give_names_back()
    for name in [name for name, module in sys.modules.items() if isinstance(module, Alias)]:
        del sys.modules[name]
