"""The steps of a call, without input or output: what is sent, and what is made of the answers."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from headrace.client.answers import Classes, Metadata, VersionStatus
from headrace.core.errors import InvalidArgumentError
from headrace.proto.tensors import Array

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request. `method` is HTTP's; gRPC has the path alone."""

    path: str
    body: bytes = b""
    method: str = "POST"


Steps = Generator[Exchange, bytes, T]
"""A call: it yields what to send, is sent the bodies of the answers, and returns its result."""


@dataclass(frozen=True, slots=True)
class Target:
    """Which model, version and signature a call is for.

    Raises:
        InvalidArgumentError: the model has no name, the version is no number of 63 bits, or there are a version and a label.
    """

    model: str
    version: int | None = None
    label: str = ""
    signature: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.model, str) or not self.model:
            raise InvalidArgumentError(f"the model is {self.model!r}; expected its name")
        if self.version is not None and not 0 <= self.version < 1 << 63:
            raise InvalidArgumentError(f"version is {self.version}; expected a number of 0 or more, below 2**63")
        if self.version is not None and self.label:
            raise InvalidArgumentError(f"version {self.version} and label {self.label!r} were given; expected one of them")


class Calls(Protocol):
    """What a server's protocol has to offer."""

    def predict(self, target: Target, inputs: Mapping[str, Array], outputs: Sequence[str]) -> Steps[dict[str, Array]]:
        """The outputs by name; all without `outputs`."""
        ...

    def classify(self, target: Target, examples: Sequence[Any], context: Any) -> Steps[list[Classes]]:
        """Labels and scores of each example."""
        ...

    def regress(self, target: Target, examples: Sequence[Any], context: Any) -> Steps[Array]:
        """A float32 for each example."""
        ...

    def metadata(self, target: Target) -> Steps[Metadata]:
        """The signatures of a version."""
        ...

    def status(self, target: Target) -> Steps[list[VersionStatus]]:
        """The state of each version."""
        ...

    def live(self) -> Steps[bool]:
        """Whether the server lives."""
        ...

    def ready(self) -> Steps[bool]:
        """Whether every model can be asked."""
        ...
