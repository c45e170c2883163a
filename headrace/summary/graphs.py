"""Summaries of graphs: given ones, and those of the functions that run between trace_on and trace_export."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from headrace.dispatch import context
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ir.graph import Graph
from headrace.proto.messages import RunMetadata, serialize
from headrace.runtime import executable, profiling
from headrace.saved_model.graph_export import graph_def
from headrace.summary import metadata as plugins
from headrace.summary.metadata import summary_metadata
from headrace.summary.recording import recorded, state, summary_scope
from headrace.summary.values import write
from headrace.trace.func_graph import FuncGraph

_log = logging.getLogger(__name__)


def graph(graph_data: Any) -> Tensor:
    """Writes a graph.

    Args:
        graph_data: a ConcreteFunction's `graph`, a FuncGraph, or a GraphDef message.

    Returns:
        A bool scalar: whether it was written, which needs a default writer and the condition of `record_if`.

    Raises:
        ValueError: it is neither, or a function is being traced.
    """
    if not context.executing_eagerly():
        raise ValueError("graph() was called while a function is traced; call it outside of tf.function")

    def record() -> None:
        assert state.writer is not None
        built = graph_data.graph if isinstance(graph_data, FuncGraph) else graph_data
        if isinstance(built, Graph):
            data = serialize(graph_def(built, to_look_at=True))
        elif getattr(getattr(graph_data, "DESCRIPTOR", None), "name", "") == "GraphDef":
            data = graph_data.SerializeToString()
        else:
            raise ValueError(f"graph_data is a graph or a GraphDef; got {graph_data!r} ({type(graph_data).__name__})")
        get("WriteGraphSummary").all(state.writer.handle, 0, data)

    return recorded(record)


class _Trace(NamedTuple):
    """What is being collected: `seen` has the graphs by their identity, None where graphs were not asked for."""

    seen: dict[int, Graph] | None
    profiler: bool
    started: bool

    def note(self, ran: Graph) -> None:
        """Takes a graph that a function runs."""
        assert self.seen is not None
        self.seen.setdefault(id(ran), ran)


_traces: list[_Trace] = []
"""The one that is on."""


def trace_on(graph: bool = True, profiler: bool = False, profiler_outdir: Any = None) -> None:
    """Collects the graphs of the functions that this thread calls from now on, a profile, or both, for `trace_export`.

    Args:
        graph: whether to collect graphs.
        profiler: whether to profile; see `tf.profiler.experimental.start`.
        profiler_outdir: where the profile goes.
    """
    if not context.executing_eagerly():
        _log.warning("a trace cannot be turned on while a function is traced")
        return
    if _traces:
        _log.warning("a trace is on already")
        return
    if profiler and profiler_outdir is None:
        _log.warning("trace_on(profiler=True) needs a profiler_outdir; nothing is profiled")
    elif profiler:
        profiling.start(profiler_outdir)
    trace = _Trace({} if graph else None, profiler, profiler and profiler_outdir is not None)
    _traces.append(trace)
    if trace.seen is not None:
        context.state().observer = trace.note


def trace_export(name: str, step: Any = None, profiler_outdir: Any = None) -> None:
    """Writes what was collected since `trace_on` to the default writer, and turns the trace off.

    Args:
        name: of the summary.
        step: an int64 scalar; by default the one that is set.
        profiler_outdir: taken for compatibility: `trace_on` has it.

    Raises:
        ValueError: no trace is on, or there is a writer and no step.
    """
    if not context.executing_eagerly():
        _log.warning("a trace cannot be exported while a function is traced")
        return
    if not _traces:
        raise ValueError("no trace is on; call tf.summary.trace_on() first")
    trace = _traces[0]
    plugin = plugins.RUN_METADATA if trace.profiler else plugins.RUN_METADATA_GRAPH
    collected = _run_metadata(trace.seen or {})
    with summary_scope(name, f"{plugin}_summary") as (tag, _):
        write(tag, serialize(collected), step, summary_metadata(plugin, b"1"))
    trace_off()


def _run_metadata(seen: dict[int, Graph]) -> Any:
    collected = RunMetadata()
    for ran in seen.values():
        before = graph_def(ran, to_look_at=True)
        after = graph_def(executable.of(ran).graph, to_look_at=True)
        collected.partition_graphs.append(after)
        collected.function_graphs.add(partition_graphs=[after], pre_optimization_graph=before, post_optimization_graph=after)
    return collected


def trace_off() -> None:
    """Ends what `trace_on` began and drops what it collected; a profile is written."""
    if not _traces:
        return
    trace = _traces.pop()
    context.state().observer = None
    if trace.started:
        profiling.stop()
