"""`headrace graph`: a graph as text, what the optimizer's passes change, a drawing, and GraphDefs for other tools."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from headrace.core.errors import HeadraceError
from headrace.graphview.drawing import page
from headrace.graphview.effects import Effect, effects, shaped
from headrace.ir.graph import Graph
from headrace.ir.printer import print_graph
from headrace.proto.messages import serialize
from headrace.saved_model import contains_saved_model, load
from headrace.saved_model.graph_export import graph_def
from headrace.saved_model.restored import UnavailableFunction
from headrace.summary.events import write_graph
from headrace.trace.concrete import ConcreteFunction
from headrace.trace.function import Function


@click.command()
@click.argument("target")
@click.option("--signature", default="serving_default", show_default=True, help="Of a SavedModel.")
@click.option("--batch", type=click.IntRange(1), default=1, show_default=True, help="For unknown dimensions in costs.")
@click.option("--html", "html_file", type=click.Path(path_type=Path, dir_okay=False), help="Writes a page with a drawing.")
@click.option("--graphdef", type=click.Path(path_type=Path), help="Writes a GraphDef: FILE.pb, or a folder for TensorBoard.")
@click.option("--optimized", is_flag=True, help="Prints, draws and writes the graph after the passes, instead of as traced.")
def graph(target: str, signature: str, batch: int, html_file: Path | None, graphdef: Path | None, optimized: bool) -> None:
    """Show the graph of TARGET and what each optimizer pass does to it.

    TARGET is a SavedModel's folder, or a tf.function with an input_signature: module:name or file.py:name.
    """
    concrete = _concrete(target, signature)
    captured = [tensor.array for tensor in concrete.captured_inputs]  # type: ignore[attr-defined]
    steps = list(effects(concrete.graph, shaped(concrete.graph, captured, batch)))
    shown = steps[-1][1] if optimized else concrete.graph
    click.echo(print_graph(shown, elide=16))
    rows = _rows([effect for effect, _ in steps])
    table = Table(*rows[0], title=f"passes on @{concrete.graph.name}")
    for row in rows[1:]:
        table.add_row(*row)
    Console().print(table)
    if html_file is not None:
        _write(html_file, page(shown, f"{target} @{concrete.graph.name}", rows).encode())
    if graphdef is not None:
        _write_graph_def(graphdef, shown)


def _concrete(target: str, signature: str) -> ConcreteFunction:
    """The function to show.

    Raises:
        click.UsageError: there is none; the message says why.
    """
    if contains_saved_model(target):
        signatures = load(target).signatures
        if signature not in signatures:
            raise click.UsageError(f"{target} has no signature {signature!r}; it has {', '.join(sorted(signatures)) or 'none'}")
        found: ConcreteFunction | UnavailableFunction = signatures[signature]
        if isinstance(found, UnavailableFunction):
            raise click.UsageError(str(found.reason))
        return found
    where, colon, name = target.rpartition(":")
    if not colon:
        raise click.UsageError(f"{target!r} is no SavedModel's folder; expected one, or module:name or file.py:name")
    value: Any = _imported(where)
    for part in name.split("."):
        if not hasattr(value, part):
            raise click.UsageError(f"{where} has no {name!r}")
        value = getattr(value, part)
    if isinstance(value, ConcreteFunction):
        return value
    if not isinstance(value, Function):
        raise click.UsageError(f"{target} is {type(value).__name__}; expected a tf.function or a ConcreteFunction")
    if value.input_signature is None and not value.traces():
        raise click.UsageError(f"{target} has no input_signature; give one, or name a ConcreteFunction")
    return value.get_concrete_function() if value.input_signature is not None else value.traces()[0]


def _imported(where: str) -> Any:
    try:
        if not where.endswith(".py"):
            sys.path.insert(0, "")
            return importlib.import_module(where)
        path = Path(where)
        spec = importlib.util.spec_from_file_location(path.stem, path) if path.is_file() else None
        if spec is None or spec.loader is None:
            raise click.UsageError(f"{where} is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
        return module
    except (ImportError, SyntaxError) as error:
        raise click.UsageError(f"cannot import {where}: {error}") from error


def _rows(found: Sequence[Effect]) -> list[list[str]]:
    rows = [["pass", "nodes", "kernels", "FLOPs", "bytes"]]
    for effect in found:
        if not effect.changed:
            rows.append([effect.name, str(effect.nodes), "", "", ""])
        elif effect.cost is None:
            rows.append([effect.name, str(effect.nodes), "in parts", "", ""])
        else:
            cost = effect.cost
            rows.append([effect.name, str(effect.nodes), str(cost.kernels), f"{cost.flops:,.0f}", f"{cost.bytes:,.0f}"])
    return rows


def _write_graph_def(target: Path, shown: Graph) -> None:
    try:
        message = graph_def(shown)
    except HeadraceError as error:
        raise click.UsageError(f"this graph has no GraphDef form: {error}; leave --optimized out") from error
    if target.suffix == ".pb":
        _write(target, serialize(message))
    else:
        click.echo(f"wrote {write_graph(target, message)}")


def _write(target: Path, data: bytes) -> None:
    """Writes a file as a whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    partial.write_bytes(data)
    partial.replace(target)
    click.echo(f"wrote {target}")
