"""What the server asks of whatever runs a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from headrace.core.spec import TensorSpec
from headrace.serving.engines.options import EngineOptions

Array = np.ndarray[Any, np.dtype[Any]]
"""A numpy array of any dtype; strings are `bytes` in an array of objects."""


def first_of(array: Array) -> object:
    """The first value of an array, as bytes or a number of Python; None where it has none."""
    if not array.size:
        return None
    value = array.flat[0]
    return value.item() if isinstance(value, np.generic) else value


DEFAULT_SIGNATURE = "serving_default"
PREDICT_METHOD = "tensorflow/serving/predict"
CLASSIFY_METHOD = "tensorflow/serving/classify"
REGRESS_METHOD = "tensorflow/serving/regress"


@dataclass(frozen=True, slots=True)
class Signature:
    """One function that a model offers.

    Attributes:
        inputs: what it takes, by name. An unknown dimension is None.
        outputs: what it returns, by name.
        method_name: TensorFlow Serving's name of the kind of call.
        defaults: what inputs are that a request leaves out, by name.
    """

    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    method_name: str = PREDICT_METHOD
    defaults: Mapping[str, Array] = field(default_factory=dict)


Store = Callable[[Any], int]
"""Takes bytes, and gives the place where another process finds them."""

Told = Mapping[str, Any]
"""What a process says of a model that it hands over, in values that JSON has."""


class LoadedModel(Protocol):
    """A version of a model, in memory and ready to run. Its methods are called from several threads at once."""

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """What the model offers, by signature name; read once, after the load."""

    @property
    def engine(self) -> str:
        """What runs it, such as "xla" or "openvino-f32"; where signatures differ, all names, parted by "+"."""

    @property
    def engine_reason(self) -> str:
        """Why that engine runs it, in one line for people."""

    @property
    def memory_bytes(self) -> int:
        """What its weights take, in bytes; what compiled code and runs in progress take is not counted."""

    def run(self, signature: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Runs one signature.

        Args:
            signature: a name from `signatures`.
            inputs: exactly the signature's inputs, of its dtypes and of shapes that fit it.

        Returns:
            The signature's outputs by name.
        """

    def run_together(self, signatures: Sequence[str], inputs: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
        """Runs several signatures on the same inputs, doing what they have in common once where that is possible.

        Args:
            signatures: names from `signatures`, each but once, of signatures that have the same inputs.
            inputs: as for `run`.

        Returns:
            The outputs of each signature, by its name.
        """

    def close(self) -> None:
        """Gives back memory and devices. Called once, after the last run has ended."""


@runtime_checkable
class Undecided(Protocol):
    """A loaded model that several engines can run, and that is to choose before it serves."""

    def decide(self, samples: Mapping[str, Sequence[Mapping[str, Array]]], earlier: Told) -> None:
        """Chooses the engine of each signature.

        Args:
            samples: inputs to try the engines with, by signature name; a signature without any stays with the usual engine.
            earlier: the `choices` of the version that serves meanwhile; empty without one. They hold for the same graph.
        """


@runtime_checkable
class Decided(Protocol):
    """A loaded model whose choice of engines a later version with the same graph may take over."""

    @property
    def choices(self) -> Told:
        """The choices, and what tells the graph, for Undecided.decide."""


@runtime_checkable
class Portable(Protocol):
    """A loaded model that another process can take over, at least in part."""

    def hand_over(self, store: Store) -> Told:
        """Writes down what took long to find out and to compile; see Movable.take_over."""


class Engine(Protocol):
    """Turns a version directory into a model that runs."""

    def is_complete(self, path: Path) -> bool:
        """True when `path` holds what this engine needs to try a load; false while it is still being copied."""

    def load(self, path: Path) -> LoadedModel:
        """Loads and verifies the model at `path`.

        Raises:
            OpError: the directory is damaged, half-copied, or holds a model that this engine cannot run.
        """


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an engine is made of.

    Attributes:
        options: what may run models.
        public_key: a PEM file; a version that no signature of its key covers is refused.
        expected_digest: of the content; any other version is refused.
        tags: of a SavedModel with several graphs, those of the one to load.
    """

    options: EngineOptions = field(default_factory=EngineOptions)
    public_key: Path | None = None
    expected_digest: str | None = None
    tags: tuple[str, ...] = ("serve",)


@runtime_checkable
class Movable(Engine, Protocol):
    """An engine that another process can have too, and that takes over what that one has made of a version.

    Attributes:
        recipe: what to make the same engine of.
    """

    recipe: Recipe

    def take_over(self, path: Path, signatures: Mapping[str, Signature], told: Told, content: Array) -> LoadedModel:
        """The version at `path` from what another process's engine has made of it, in little time where all of it can be moved.

        Args:
            path: the version's directory; it is loaded and verified as by `load` where not all can be moved.
            signatures: what the model offers.
            told: what `Portable.hand_over` said; empty when the model is none.
            content: the bytes that it stored. They are to stay where they are, and may be written to.

        Raises:
            OpError: as `load` does, or what was handed over is of no use here.
        """
