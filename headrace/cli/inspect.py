"""`headrace inspect`: what a SavedModel holds, or how two versions differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from headrace.core.errors import HeadraceError
from headrace.inspection.comparison import compare
from headrace.inspection.description import describe

_FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("model", type=_FOLDER)
@click.argument("other", type=_FOLDER, required=False)
@click.option("--json", "as_json", is_flag=True, help="Prints JSON.")
@click.option("--all", "everything", is_flag=True, help="Prints every variable and operation, not the largest alone.")
def inspect(model: Path, other: Path | None, as_json: bool, everything: bool) -> None:
    """Show what the SavedModel in the folder MODEL holds, without running it.

    With OTHER, say how that differs from MODEL; the exit status is 1 when callers of MODEL cannot call OTHER.
    """
    try:
        found = describe(model)
        changes = None if other is None else compare(found, describe(other))
    except HeadraceError as error:
        raise click.ClickException(str(error)) from error
    if changes is None:
        click.echo(json.dumps(found, indent=1) if as_json else "\n".join(_lines(found, None if everything else 10)))
        return
    click.echo(json.dumps(changes, indent=1) if as_json else "\n".join(_changes(changes, None if everything else 10)))
    if not changes["compatible"]:
        raise click.exceptions.Exit(1)


def _lines(found: dict[str, Any], most: int | None) -> list[str]:
    lines = [f"{found['path']}: {_size(found['bytes'])}", f"digest {found['digest']}"]
    for graph in found["graphs"]:
        lines += ["", f"graph tagged {', '.join(graph['tags']) or 'nothing'}"]
        if graph["tensorflow_version"]:
            lines.append(f"  written by TensorFlow {graph['tensorflow_version']}")
        for key, signature in graph["signatures"].items():
            lines += ["", f"  signature {key} ({signature['method_name'] or 'no method'})"]
            for what in ("inputs", "outputs"):
                lines += [f"    {what[:-1]:<7}{name}: {_tensor(tensor)}" for name, tensor in signature[what].items()]
            lines.append(f"    {signature['curl']}")
            if signature["missing"]:
                lines.append(f"    cannot be served: Headrace lacks {', '.join(signature['missing'])}")
        counts = [f"{count:>6} {name}" for name, count in graph["operations"].items()]
        lines += [
            "",
            f"  {sum(graph['operations'].values())} operations in {graph['functions']} functions",
            *_first(counts, most, "    "),
        ]
        lines += [f"  asset {name}" for name in graph["assets"]]
        if graph["missing"]:
            lines += ["", f"  Headrace lacks {', '.join(graph['missing'])}"]
    largest = sorted(found["variables"], key=lambda v: -v["bytes"])
    rows = [f"{_size(v['bytes']):>10} {v['name']}: {v['dtype']} {v['shape']}" for v in largest]
    return [*lines, "", f"{len(rows)} variables, {_size(found['variable_bytes'])}", *_first(rows, most, "  ")]


def _changes(changes: dict[str, Any], most: int | None) -> list[str]:
    lines = ["compatible: callers of the first can call the second" if changes["compatible"] else "NOT compatible"]
    lines += [f"  breaks: {text}" for text in changes["breaking"]]
    lines += [f"  {text}" for text in changes["other"]]
    rows = []
    for name, change in changes["variables"].items():
        facts = ", ".join(f"{key} {_fact(value)}" for key, value in change.items() if key != "change")
        rows.append(f"{name}: {change['change']}{f' ({facts})' if facts else ''}")
    lines += [f"{len(rows)} variables differ", *_first(rows, most, "  ")]
    rows = [f"{name}: {before} -> {after}" for name, (before, after) in changes["operations"].items()]
    return [*lines, f"{len(rows)} kinds of operations differ in number", *_first(rows, most, "  ")]


def _first(rows: list[str], most: int | None, indent: str) -> list[str]:
    shown = rows if most is None or len(rows) <= most + 1 else [*rows[:most], f"and {len(rows) - most} more (--all shows them)"]
    return [indent + row for row in shown]


def _fact(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _tensor(tensor: dict[str, Any]) -> str:
    shape = (
        "of unknown rank" if tensor["shape"] is None else f"[{', '.join('?' if d is None else str(d) for d in tensor['shape'])}]"
    )
    default = f", {tensor['default']} when left out" if "default" in tensor else ""
    return f"{tensor['dtype']} {shape}  {tensor['name']}".rstrip() + default


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 100_000 else f"{count:,} bytes"
