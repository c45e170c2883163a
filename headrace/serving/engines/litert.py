"""LiteRT: a version directory that holds a `model.tflite`, with the signatures that the file has.

It needs the extra `headrace[litert]`. An interpreter runs one request at a time, so there are as many as runs are allowed at once;
they share the file, which is mapped into memory.
"""

from __future__ import annotations

import importlib
import importlib.util
import queue
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.errors import DataLossError, FailedPreconditionError, InvalidArgumentError, NotFoundError
from headrace.core.spec import TensorSpec
from headrace.saved_model.digest import verify_digest
from headrace.saved_model.signing import verify_signature
from headrace.serving.engines.base import DEFAULT_SIGNATURE, Array, Signature
from headrace.serving.engines.cores import share

FILE = "model.tflite"
"""The file in a version directory, under TensorFlow Serving's name."""
LITERT = "litert"
"""The name of this engine."""


def installed() -> bool:
    """True when the package is there."""
    return importlib.util.find_spec("ai_edge_litert") is not None


def require() -> None:
    """Checks that the package is there.

    Raises:
        FailedPreconditionError: it is not.
    """
    if not installed():
        raise FailedPreconditionError(f"a {FILE} is run by LiteRT, which is not installed: pip install 'headrace[litert]'")


class LiteRtModel:
    """A `.tflite` file, loaded.

    Args:
        file: the file.
        streams: runs at once.

    Raises:
        DataLossError: the file is damaged.
        FailedPreconditionError: it takes or gives what no tensor can hold.
    """

    engine = LITERT
    engine_reason = f"the version holds a {FILE}"

    def __init__(self, file: Path, streams: int = 1) -> None:
        self._file = file
        self._threads = share(streams)
        first = self._interpreter()
        self._signatures = {name: _signature(runner) for name, runner in first.items()}
        self.memory_bytes = file.stat().st_size
        # An interpreter that failed may be left half-way: None in the queue stands for one that is to be made.
        self._idle: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._idle.put(first)
        for _ in range(streams - 1):
            self._idle.put(None)

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """What the model offers, by signature name."""
        return self._signatures

    def run(self, signature: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Runs one signature, after those that came before; see LoadedModel.run."""
        runners = self._idle.get()
        try:
            runners = runners or self._interpreter()
            outputs = {name: np.asarray(value) for name, value in runners[signature](**inputs).items()}
        except (RuntimeError, ValueError) as error:
            runners = None
            raise InvalidArgumentError(f"LiteRT: {error}") from error
        finally:
            self._idle.put(runners)
        return outputs

    def run_together(self, signatures: Sequence[str], inputs: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
        """Runs several signatures, one after the other; see LoadedModel.run_together."""
        return {name: self.run(name, inputs) for name in signatures}

    def close(self) -> None:
        """Drops the interpreters, and with the last one the file's memory."""
        while not self._idle.empty():
            self._idle.get()

    def _interpreter(self) -> dict[str, Any]:
        """What runs each signature, of an interpreter of its own."""
        library = importlib.import_module("ai_edge_litert.interpreter")
        try:
            interpreter = library.Interpreter(model_path=str(self._file), num_threads=self._threads)
            names = interpreter.get_signature_list()
            if not names:
                interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise DataLossError(f"LiteRT cannot load {self._file}: {error}") from error
        return {name: interpreter.get_signature_runner(name) for name in names} or {DEFAULT_SIGNATURE: _WholeRunner(interpreter)}


class _WholeRunner:
    """Runs a file without signatures as LiteRT's own runners do one signature; tensors have the names that the file gives them."""

    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter

    def get_input_details(self) -> dict[str, Any]:
        return {details["name"]: details for details in self._interpreter.get_input_details()}

    def get_output_details(self) -> dict[str, Any]:
        return {details["name"]: details for details in self._interpreter.get_output_details()}

    def __call__(self, **inputs: Array) -> dict[str, Any]:
        places = {name: details["index"] for name, details in self.get_input_details().items()}
        for name, value in inputs.items():
            self._interpreter.resize_tensor_input(places[name], value.shape)
        self._interpreter.allocate_tensors()
        for name, value in inputs.items():
            self._interpreter.set_tensor(places[name], value)
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(details["index"]) for name, details in self.get_output_details().items()}


def _signature(runner: Any) -> Signature:
    return Signature(
        inputs={name: _spec(details) for name, details in runner.get_input_details().items()},
        outputs={name: _spec(details) for name, details in runner.get_output_details().items()},
    )


def _spec(details: Mapping[str, Any]) -> TensorSpec:
    shape, dtype = details["shape_signature"], details["dtype"]
    if not len(shape):
        shape = details["shape"]
    try:
        known = dtypes.string if dtype is np.bytes_ else dtypes.as_dtype(dtype)
    except TypeError:
        raise FailedPreconditionError(f"tensor {details['name']!r} of a {FILE} is of {dtype}, which cannot be served") from None
    return TensorSpec([None if size < 0 else int(size) for size in shape], known, details["name"])


class LiteRtEngine:
    """Loads directories with a `.tflite` file.

    Args:
        streams: runs of a version at once.
        public_key: a PEM file; a version that no signature of its key covers is refused.
        expected_digest: of the content; any other version is refused.
    """

    def __init__(self, streams: int = 1, public_key: Path | None = None, expected_digest: str | None = None) -> None:
        self._streams = streams
        self._public_key = public_key
        self._expected_digest = expected_digest

    def is_complete(self, path: Path) -> bool:
        """True once `model.tflite` is there."""
        return (path / FILE).is_file()

    def load(self, path: Path) -> LiteRtModel:
        """Loads the file in `path`; see Engine.load."""
        require()
        if not self.is_complete(path):
            raise NotFoundError(f"there is no {FILE} in {str(path)!r}")
        if self._expected_digest is not None:
            verify_digest(path, self._expected_digest)
        if self._public_key is not None:
            verify_signature(path, self._public_key)
        return LiteRtModel(path / FILE, self._streams)
