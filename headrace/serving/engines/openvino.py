"""OpenVINO on the CPU: dense graphs are written as GraphDefs, which its own TensorFlow front end reads.

It needs the extra `headrace[openvino]`. One compiled model serves all threads; each run in progress has an infer request.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headrace.core.errors import FailedPreconditionError, InternalError, ResourceExhaustedError, UnimplementedError
from headrace.ir.graph import Graph
from headrace.saved_model.graph_export import graph_def
from headrace.serving.engines.base import Array, Store, Told
from headrace.serving.engines.cores import available

TOLERANCES = {"f32": 1e-4, "bf16": 3e-2, "int8": 1e-1}
"""By how much outputs may differ from the reference's, as a part of their largest magnitude, for each precision."""

_HINTS = {"f32": "f32", "bf16": "bf16", "int8": "f32"}
"""What OpenVINO is told of a precision: it computes simulated quantization with integers whatever it computes the rest in."""

_DTYPES = frozenset({"bool", "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"})
_MOST_BYTES = 2**31 - 1
"""The largest protobuf message."""
_TELEMETRY = "openvino_telemetry"


def installed() -> bool:
    """True when the package is there."""
    return importlib.util.find_spec("openvino") is not None


def require() -> None:
    """Checks that the package is there.

    Raises:
        FailedPreconditionError: it is not.
    """
    if not installed():
        raise FailedPreconditionError("--engine=openvino needs OpenVINO, which is not installed: pip install 'headrace[openvino]'")


@functools.cache
def library() -> Any:
    """The package, imported without its telemetry: else the import would tell its maker's server of it, by a forked process."""
    silenced = _TELEMETRY not in sys.modules
    if silenced:
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # so the import of it fails, and the package takes its stub
    try:
        return importlib.import_module("openvino")
    finally:
        if silenced:
            del sys.modules[_TELEMETRY]


@functools.cache
def _core() -> Any:
    return library().Core()


def precisions() -> frozenset[str]:
    """The precisions in which this machine is faster than in wider ones: bf16 needs instructions for it (AMX or AVX-512)."""
    found = set(_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    return frozenset({"f32"} | ({"bf16"} & {each.lower() for each in found}) | ({"int8"} & {each.lower() for each in found}))


class OpenVino:
    """Compiles graphs for the CPU.

    Args:
        precision: what it computes in: "f32", "bf16", or "int8" for graphs that simulate quantization.
        streams: runs at once, each on its share of the cores.
    """

    def __init__(self, precision: str = "f32", streams: int = 1) -> None:
        self.name = f"openvino-{precision}"
        self.tolerance = TOLERANCES[precision]
        self.quantizes = precision == "int8"
        self._settings = {
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "NUM_STREAMS": str(streams),
            "INFERENCE_NUM_THREADS": str(available()),
        }

    def compile(self, graph: Graph) -> CompiledGraph:
        """The graph, ready to run; see Compiler.compile."""
        for value in (*graph.inputs, *graph.outputs):
            if value.dtype.name not in _DTYPES:
                raise UnimplementedError(f"OpenVINO is not given {value.dtype.name}, the dtype of {value.label!r}")
        definition = graph_def(graph)
        size = definition.ByteSize()
        if size > _MOST_BYTES:
            raise UnimplementedError(f"its constants take {size} bytes; expected {_MOST_BYTES} at most")
        with tempfile.TemporaryDirectory(prefix="headrace-openvino-") as folder:
            file = Path(folder) / "graph.pb"
            file.write_bytes(definition.SerializeToString())
            try:
                model = _core().read_model(str(file))
                compiled = _core().compile_model(model, "CPU", self._settings)
            except Exception as error:  # what its front end and its plugins raise is of several kinds, some of Exception itself
                raise UnimplementedError(f"OpenVINO does not take it: {_short(error)}") from error
        inputs = [f"{node.name}:0" for node in definition.node[: len(graph.inputs)]]
        outputs = [f"{node.name}:0" for node in definition.node[len(definition.node) - len(graph.outputs) :]]
        constants = sum(node.attrs["value"].nbytes for node in graph.nodes if node.op == "Const")
        positions = [_position(compiled.inputs, name) for name in inputs], [_position(compiled.outputs, name) for name in outputs]
        return CompiledGraph(compiled, *positions, [value.dtype.np_dtype for value in graph.outputs], constants)

    def take_over(self, told: Told, content: Array) -> CompiledGraph:
        """A graph that another process has compiled; see Compiler.take_over. Its constants stay where they are in `content`."""
        view = content[told["at"] : told["at"] + told["size"]]
        try:
            compiled = _core().import_model(library().Tensor(view, shared_memory=True), "CPU", self._settings)
        except Exception as error:  # of several kinds, as in `compile`
            raise InternalError(f"OpenVINO does not take over what it compiled in another process: {_short(error)}") from error
        dtypes = [np.dtype(name) for name in told["dtypes"]]
        return CompiledGraph(compiled, told["inputs"], told["outputs"], dtypes, told["memory_bytes"], view)


class CompiledGraph:
    """A graph compiled by OpenVINO.

    Args:
        compiled: OpenVINO's compiled model.
        inputs: its positions of the graph's inputs, in their order.
        outputs: and of the outputs.
        dtypes: of the outputs.
        memory_bytes: what its constants take.
        content: where they are, if that is not OpenVINO's own memory.
    """

    def __init__(
        self,
        compiled: Any,
        inputs: Sequence[int],
        outputs: Sequence[int],
        dtypes: Sequence[np.dtype[Any]],
        memory_bytes: int,
        content: Array | None = None,
    ) -> None:
        self.memory_bytes = memory_bytes
        self._compiled = compiled
        self._content = content
        self._inputs = list(inputs)
        self._outputs = list(outputs)
        self._dtypes = list(dtypes)
        self._idle: list[Any] = []
        self._lock = threading.Lock()

    def run(self, arguments: Sequence[Any], spent: tuple[int, ...] = ()) -> list[Array]:
        """The outputs of the graph; see Part.run."""
        with self._lock:
            request = self._idle.pop() if self._idle else None
        if request is None:
            request = self._compiled.create_infer_request()
        # Inputs are read where they are, so they must stay until the run has ended.
        tensors = [_tensor(np.asarray(argument)) for argument in arguments]
        for position, tensor in zip(self._inputs, tensors, strict=True):
            request.set_input_tensor(position, tensor)
        _infer(request)
        found = [
            np.array(request.get_output_tensor(position).data, dtype)
            for position, dtype in zip(self._outputs, self._dtypes, strict=True)
        ]
        with self._lock:
            self._idle.append(request)
        return found

    def hand_over(self, store: Store) -> Told:
        """Writes the compiled model down; see Part.hand_over."""
        exported = self._compiled.export_model().getbuffer()
        return {
            "at": store(exported),
            "size": len(exported),
            "inputs": self._inputs,
            "outputs": self._outputs,
            "dtypes": [dtype.name for dtype in self._dtypes],
            "memory_bytes": self.memory_bytes,
        }


def _infer(request: Any) -> None:
    """Runs a request.

    Raises:
        ResourceExhaustedError: there is not memory enough; OpenVINO has no error of its own for that.
    """
    try:
        request.infer(share_outputs=True)
    except RuntimeError as error:
        if "memory" in str(error).lower() or "bad_alloc" in str(error):
            raise ResourceExhaustedError(f"OpenVINO ran out of memory: {_short(error)}; send a smaller batch") from None
        raise


def _tensor(array: Array) -> Any:
    """OpenVINO's view of an array; a copy where the array may not be written to, which OpenVINO does not accept."""
    kept = array if array.flags.c_contiguous and array.flags.writeable else array.copy(order="C")
    return library().Tensor(kept, shared_memory=True)


def _position(ports: Sequence[Any], name: str) -> int:
    for position, port in enumerate(ports):
        if name in port.get_names():
            return position
    raise UnimplementedError(f"OpenVINO lost {name!r} of the graph")


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else f"{text[:300]}..."
