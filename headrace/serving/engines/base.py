"""What the server asks of whatever runs a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from headrace.core.spec import TensorSpec

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

    def decide(self, samples: Mapping[str, Sequence[Mapping[str, Array]]]) -> None:
        """Chooses the engine of each signature.

        Args:
            samples: inputs to try the engines with, by signature name; a signature without any stays with the usual engine.
        """


class Engine(Protocol):
    """Turns a version directory into a model that runs."""

    def is_complete(self, path: Path) -> bool:
        """True when `path` holds what this engine needs to try a load; false while it is still being copied."""

    def load(self, path: Path) -> LoadedModel:
        """Loads and verifies the model at `path`.

        Raises:
            OpError: the directory is damaged, half-copied, or holds a model that this engine cannot run.
        """
