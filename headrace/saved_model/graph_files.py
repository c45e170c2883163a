"""tf.io.write_graph: a graph as a file."""

from __future__ import annotations

import os
from typing import Any

from google.protobuf import text_format

from headrace.files.errors import named
from headrace.files.systems import system_of
from headrace.ir.graph import Graph
from headrace.saved_model.graph_export import graph_def
from headrace.trace.func_graph import FuncGraph


def write_graph(graph_or_graph_def: Any, logdir: Any, name: str, as_text: bool = True) -> str:
    """Writes a graph as a GraphDef.

    Args:
        graph_or_graph_def: a GraphDef, or a concrete function's graph.
        logdir: the folder, which is made if it is missing; may be a URL.
        name: of the file in it.
        as_text: as protocol buffers' text form, else as bytes.

    Returns:
        The file's path.
    """
    found = graph_or_graph_def
    if isinstance(found, FuncGraph):
        found = found.graph
    if isinstance(found, Graph):
        found = graph_def(found)
    folder = os.fsdecode(logdir)
    path = os.path.join(folder, name)
    content = text_format.MessageToString(found).encode() if as_text else found.SerializeToString(deterministic=True)
    system, place = system_of(path)
    with named(path):
        system.makedirs(system_of(folder)[1] or ".")
        with system.open(place, "wb") as file:
            file.write(content)
    return path
