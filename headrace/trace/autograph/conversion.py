"""Source to source: a Python function rewritten so that its control flow goes through our operators, with malt's converters.

Converted code keeps the user's file name and line numbers, so tracebacks, debuggers and the places noted in graphs show the
user's own source.
"""

from __future__ import annotations

import ast
import threading
import weakref
from types import CodeType, FunctionType
from typing import Any

from malt.converters import (
    break_statements,
    call_trees,
    conditional_expressions,
    continue_statements,
    control_flow,
    functions,
    logical_expressions,
    return_statements,
    variables,
)
from malt.core import converter, unsupported_features_checker
from malt.pyct import anno, cfg, errors, qual_names, templates, transpiler
from malt.pyct.static_analysis import activity, reaching_definitions

FAILURES = (errors.PyCTError, NotImplementedError, ValueError, OSError, SyntaxError)
"""What a conversion raises for source that is out of reach or not supported."""

_LOCK = threading.RLock()
_CACHE: weakref.WeakKeyDictionary[CodeType, tuple[CodeType, str, str]] = weakref.WeakKeyDictionary()


def place(function: FunctionType) -> tuple[str, int]:
    """File and first line of a function."""
    return function.__code__.co_filename, function.__code__.co_firstlineno


def transform(function: FunctionType, operators: Any) -> FunctionType:
    """The converted function, with the globals, closure and defaults of the original."""
    factory_code, name, _ = _factory(function)
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    closure = tuple(cells[free] for free in factory_code.co_freevars)
    factory = FunctionType(factory_code, function.__globals__, name, (), closure)
    converted: FunctionType = factory(operators)
    converted.__code__ = converted.__code__.replace(co_name=function.__code__.co_name)
    converted.__defaults__, converted.__kwdefaults__ = function.__defaults__, function.__kwdefaults__
    converted.__name__, converted.__qualname__ = function.__name__, function.__qualname__
    converted.__doc__, converted.__module__ = function.__doc__, function.__module__
    return converted


def source(function: FunctionType) -> str:
    """The source of the converted function."""
    return _factory(function)[2]


def _factory(function: FunctionType) -> tuple[CodeType, str, str]:
    """The code of a function that takes the operators and makes the converted function; its name; the source."""
    with _LOCK:
        found = _CACHE.get(function.__code__)
        if found is None:
            found = _CACHE[function.__code__] = _make_factory(function)
        return found


def _make_factory(function: FunctionType) -> tuple[CodeType, str, str]:
    options = converter.ConversionOptions(recursive=True, optional_features=None)
    node, context = _Transpiler().transform_function(function, converter.ProgramContext(options))
    name = context.info.name
    if isinstance(node, ast.Lambda):
        node = ast.Assign(targets=[ast.Name(name, ctx=ast.Store())], value=node)
    else:
        node.name = name
    text = ast.unparse(ast.fix_missing_locations(node))
    _locate(node, function.__code__.co_firstlineno)
    outer = ast.parse(f"def outer():\n    def inner(ag__):\n        return {name}\n    return inner")
    definition = outer.body[0]
    assert isinstance(definition, ast.FunctionDef)
    inner = definition.body[0]
    assert isinstance(inner, ast.FunctionDef)
    inner.body.insert(0, node)
    for free in function.__code__.co_freevars:  # so that the compiler takes these names for closure variables
        definition.body[:0] = ast.parse(f"{free} = None").body
    code = compile(outer, function.__code__.co_filename, "exec", dont_inherit=True)
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    return namespace["outer"]().__code__, name, text


def _locate(node: ast.AST, line: int) -> int:
    """Gives every node the line in the user's file that it came from: its own, else its first child's, else its parent's."""
    origin = anno.getanno(node, anno.Basic.ORIGIN, default=None)
    found = origin.loc.lineno if origin is not None else _first_line(node) or line
    if isinstance(node, ast.expr | ast.stmt | ast.arg | ast.keyword | ast.excepthandler | ast.alias | ast.pattern):
        node.lineno = node.end_lineno = found
        node.col_offset = node.end_col_offset = 0
    for child in ast.iter_child_nodes(node):
        _locate(child, found)
    return int(found)


def _first_line(node: ast.AST) -> int | None:
    for child in ast.walk(node):
        origin = anno.getanno(child, anno.Basic.ORIGIN, default=None)
        if origin is not None:
            return int(origin.loc.lineno)
    return None


class _ZeroArgumentSuper(ast.NodeTransformer):
    """super() -> super(__class__, self): converted code runs in helper functions, where Python would not find them."""

    def __init__(self, first: str) -> None:
        self._first = first

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "super" and not node.args:
            node.args = [ast.Name("__class__", ctx=ast.Load()), ast.Name(self._first, ctx=ast.Load())]
            for made in node.args:
                ast.copy_location(made, node)
        return node


class _NamedHandlers(ast.NodeTransformer):
    """except E as e: -> except E: e = ag__.caught(): malt takes the name of a handler for a node, which in Python it is not."""

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        self.generic_visit(node)
        if node.name is not None:
            (named,) = ast.parse(f"{node.name} = ag__.caught()").body
            node.body.insert(0, named)
            node.name = None
            for made in ast.walk(named):
                ast.copy_location(made, node)
        return node


class _Asserts(converter.Base):  # type: ignore[misc]
    """assert test, message -> ag__.assert_stmt(test, lambda: message)"""

    def visit_Assert(self, node: ast.Assert) -> Any:
        self.generic_visit(node)
        message = ast.Constant(None) if node.msg is None else node.msg
        return templates.replace("ag__.assert_stmt(test, lambda: message)", test=node.test, message=message)

    @classmethod
    def transform(cls, node: Any, ctx: Any) -> Any:
        """Runs it, as malt's converters do."""
        return cls(ctx).visit(node)


class _Prints(converter.Base):  # type: ignore[misc]
    """print(x) -> ag__.the(print)(x): malt leaves calls of the name `print` to Python."""

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "print":
            node.func = templates.replace_as_expression("ag__.the(name)", name=node.func)
        return node

    @classmethod
    def transform(cls, node: Any, ctx: Any) -> Any:
        """Runs it, as malt's converters do."""
        return cls(ctx).visit(node)


class _Transpiler(transpiler.GenericTranspiler):  # type: ignore[misc]
    """malt's reading of a function, and the converters that run on it."""

    def get_transformed_name(self, node: ast.AST) -> str:
        """The name of the converted function."""
        return "tf__" + str(super().get_transformed_name(node))

    def transform_ast(self, node: Any, ctx: Any) -> Any:
        """Runs the converters."""
        unsupported_features_checker.verify(node)
        if any(type(inner).__name__ == "NamedExpr" for inner in ast.walk(node)):
            raise NotImplementedError(
                "it has an assignment expression (:=), which is not converted; assign in a statement of its own"
            )
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            for argument in ast.walk(node.args):
                if isinstance(argument, ast.arg):
                    argument.annotation = None
            if node.args.args:
                node = _ZeroArgumentSuper(node.args.args[0].arg).visit(node)
        node = _NamedHandlers().visit(node)
        graphs = cfg.build(node)
        node = qual_names.resolve(node)
        node = activity.resolve(node, ctx, None)
        node = reaching_definitions.resolve(node, ctx, graphs)
        anno.dup(node, {anno.Static.DEFINITIONS: anno.Static.ORIG_DEFINITIONS})
        steps = (functions, break_statements, _Asserts, continue_statements, return_statements, _Prints, call_trees, control_flow)
        for step in (*steps, conditional_expressions, logical_expressions, variables):
            node = step.transform(node, ctx)
        return node
