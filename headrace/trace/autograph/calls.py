"""Calls out of converted code: which functions are converted too, and the names that converted code uses."""

from __future__ import annotations

import functools
import inspect
import logging
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FunctionType, MethodType, SimpleNamespace
from typing import Any

from headrace.trace.autograph.branching import and_, assert_stmt, if_exp, if_stmt, not_, or_
from headrace.trace.autograph.builtins import overload
from headrace.trace.autograph.loops import for_stmt, while_stmt
from headrace.trace.autograph.variables import Undefined, UndefinedReturnValue, load, load_or_undefined

_LOG = logging.getLogger("headrace.autograph")
_MARK = "_headrace_autograph_leaves_alone"
_OURS = frozenset({"headrace", "malt"})
_LIBRARIES = _OURS | frozenset(sys.stdlib_module_names) | {
    "numpy", "jax", "jaxlib", "ml_dtypes", "keras", "pandas", "scipy", "matplotlib", "PIL", "pytest", "_pytest",
}  # fmt: skip


class FunctionScope(AbstractContextManager["FunctionScope"]):
    """The body of one converted function."""

    def __init__(self, function_name: str, scope_name: str, options: Any) -> None:
        self.function_name, self.name, self.options = function_name, scope_name, options

    def __exit__(self, *_: object) -> None:
        """Nothing to undo."""

    def ret(self, value: Any, did_return: Any) -> Any:
        """The value that the function returns."""
        return None if isinstance(value, UndefinedReturnValue) else value


def with_function_scope(body: Callable[[FunctionScope], Any], scope_name: str, options: Any) -> Any:
    """The body of a converted lambda."""
    return body(FunctionScope("lambda", scope_name, options))


def leave_alone(function: Any) -> Any:
    """Marks a function so that it is called as it is: it was converted already, or is not to be."""
    setattr(function.__func__ if isinstance(function, MethodType) else function, _MARK, True)
    return function


def do_not_convert(func: Callable[..., Any] | None = None) -> Any:
    """A decorator: tf.function calls this function as it is, as Python."""
    if func is None:
        return do_not_convert

    @functools.wraps(func)
    def plain(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)

    return leave_alone(plain)


def converted_call(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None, scope: FunctionScope | None = None) -> Any:
    """Calls a function from converted code: converted where it is the user's, else as it is."""
    keywords = kwargs or {}
    if isinstance(function, functools.partial):
        return converted_call(function.func, (*function.args, *args), {**function.keywords, **keywords}, scope)
    target = None if inspect.isclass(function) or inspect.isbuiltin(function) else _target(function)
    if target is None:
        return overload(function, args)(*args, **keywords)
    plain, first = target
    if not _is_users(plain) or getattr(plain, _MARK, False):
        return function(*args, **keywords)
    converted = convert(plain)
    return converted(*first, *args, **keywords)


def _target(function: Any) -> tuple[FunctionType, tuple[Any, ...]] | None:
    """The Python function behind a callable, and the arguments that come before the caller's."""
    if isinstance(function, FunctionType):
        return function, ()
    if isinstance(function, MethodType):
        return (function.__func__, (function.__self__,)) if isinstance(function.__func__, FunctionType) else None
    call = getattr(type(function), "__call__", None)  # noqa: B004 - the function itself is wanted
    return (call, (function,)) if isinstance(call, FunctionType) else None


def _is_users(function: FunctionType, libraries: frozenset[str] = _LIBRARIES) -> bool:
    module = str(function.__globals__.get("__name__", ""))
    if module.partition(".")[0] in libraries:
        return False
    return not (
        inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
    )


def convert(function: Callable[..., Any], requested: bool = False) -> Callable[..., Any]:
    """The converted form of a Python function; the function itself, with a line in the log, where it cannot be converted.

    Args:
        function: any callable.
        requested: whether a tf.function is made of it: then it is converted even in a library that is called as it is.
    """
    target = _target(function)
    if target is None or not _is_users(target[0], _OURS if requested else _LIBRARIES) or getattr(target[0], _MARK, False):
        return function
    # Deferred on purpose: malt takes as long to import as a tenth of Headrace, and only a traced function needs it.
    from headrace.trace.autograph import conversion  # noqa: PLC0415

    try:
        converted = conversion.transform(target[0], OPERATORS)
    except conversion.FAILURES as error:
        _LOG.warning("%s (%s:%d) runs as it is, without AutoGraph: %s", target[0].__qualname__, *conversion.place(target[0]), error)
        leave_alone(target[0])
        return function
    return functools.partial(converted, *target[1]) if target[1] else converted


def to_graph(entity: Callable[..., Any], recursive: bool = True, experimental_optional_features: Any = None) -> Callable[..., Any]:
    """The converted form of a Python function.

    Args:
        entity: a function or method.
        recursive, experimental_optional_features: accepted for TensorFlow's sake; calls are always converted.

    Raises:
        ValueError: it cannot be converted.
    """
    return _converted(entity)[0]


def to_code(entity: Callable[..., Any], recursive: bool = True, experimental_optional_features: Any = None) -> str:
    """The source of the converted form of a Python function; see `to_graph`."""
    return _converted(entity)[1]


def _converted(entity: Callable[..., Any]) -> tuple[Callable[..., Any], str]:
    from headrace.trace.autograph import conversion  # noqa: PLC0415 - see `convert`

    target = _target(getattr(entity, "python_function", entity))
    if target is None:
        raise ValueError(f"{entity!r} is no Python function; expected a function, a method or a tf.function")
    try:
        return conversion.transform(target[0], OPERATORS), conversion.source(target[0])
    except conversion.FAILURES as error:
        raise ValueError(f"{target[0].__qualname__} cannot be converted: {error}") from error


def _the(function: Any) -> Any:
    """The function itself, under another name than the one that malt leaves alone."""
    return function


def _caught() -> BaseException | None:
    """The exception that is being handled."""
    return sys.exc_info()[1]


OPERATORS = SimpleNamespace(
    FunctionScope=FunctionScope,
    STD=None,
    Undefined=Undefined,
    UndefinedReturnValue=UndefinedReturnValue,
    and_=and_,
    assert_stmt=assert_stmt,
    autograph_artifact=leave_alone,
    caught=_caught,
    converted_call=converted_call,
    for_stmt=for_stmt,
    if_exp=if_exp,
    if_stmt=if_stmt,
    ld=load,
    ldu=load_or_undefined,
    not_=not_,
    or_=or_,
    the=_the,
    while_stmt=while_stmt,
    with_function_scope=with_function_scope,
)
"""What converted code calls `ag__`."""
