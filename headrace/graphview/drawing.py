"""One self-contained page that draws a graph: laid out by dagre (MIT licence, beside this file), without network access."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

from headrace.core.dtypes import resource
from headrace.ir.graph import Graph, Node, Value, subgraphs
from headrace.ir.printer import Style, attr_text, type_text

PAGE = Path(__file__).parent / "page"
_BRIEF = Style(elide=16)


def describe(graph: Graph) -> dict[str, Any]:
    """A graph as JSON data: nodes with their attributes, edges, and the graphs that nodes hold."""
    numbers: dict[Value, tuple[str, int]] = {}
    nodes: list[dict[str, Any]] = []
    edges: list[dict[str, Any]] = []
    for position, value in enumerate(graph.inputs):
        numbers[value] = f"in{position}", 0
        kind = "variable" if value.dtype is resource else "input"
        nodes.append({"id": f"in{position}", "name": value.name, "op": kind, "kind": kind, "types": [type_text(value)]})
    for position, node in enumerate(graph.nodes):
        nodes.append(_node(f"n{position}", node))
        for value in node.inputs:
            source, index = numbers[value]
            edges.append({"from": source, "to": f"n{position}", "label": type_text(value), "index": index})
        numbers.update((value, (f"n{position}", index)) for index, value in enumerate(node.outputs))
    for position, value in enumerate(graph.outputs):
        nodes.append(
            {"id": f"out{position}", "name": f"output {position}", "op": "output", "kind": "output", "types": [type_text(value)]}
        )
        edges.append({"from": numbers[value][0], "to": f"out{position}", "label": type_text(value), "index": numbers[value][1]})
    return {"name": graph.name, "nodes": nodes, "edges": edges}


def _node(identifier: str, node: Node) -> dict[str, Any]:
    attrs = {key: attr_text(value, _BRIEF)[:400] for key, value in node.attrs.items()}
    kind = "constant" if node.op == "Const" else "fused" if node.op.startswith("_Fused") else "op"
    bodies = [describe(body) for body in subgraphs(node)]
    return {
        "id": identifier,
        "name": node.name,
        "op": node.op,
        "kind": "function" if bodies else kind,
        "types": [type_text(value) for value in node.outputs],
        "attrs": attrs,
        "device": node.device,
        "source": node.source or "",
        "bodies": bodies,
    }


def page(graph: Graph, title: str, table: list[list[str]]) -> str:
    """The page.

    Args:
        graph: what to draw.
        title: of the page.
        table: rows of text, the first one the header, shown above the drawing.
    """
    data = json.dumps(describe(graph), ensure_ascii=True).replace("<", "\\u003c")
    head, *rows = table
    cells = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    parts = {
        "TITLE": html.escape(title),
        "STYLE": (PAGE / "style.css").read_text(),
        "TABLE": f"<table><tr>{cells}</tr>{body}</table>",
        "DATA": data,
        "DAGRE": (PAGE / "dagre.min.js").read_text(),
        "SCRIPT": (PAGE / "draw.js").read_text(),
    }
    text = (PAGE / "page.html").read_text()
    for name, part in parts.items():
        text = text.replace(f"<!--{name}-->", part)
    return text
