"""The error tree, with TensorFlow's names.

    HeadraceError
    ├── OpError                       carries a canonical code name (`code`)
    │   ├── CancelledError            ├── UnknownError            ├── InvalidArgumentError
    │   ├── DeadlineExceededError     ├── NotFoundError           ├── AlreadyExistsError
    │   ├── PermissionDeniedError     ├── UnauthenticatedError    ├── ResourceExhaustedError
    │   ├── FailedPreconditionError   ├── AbortedError            ├── OutOfRangeError
    │   ├── InternalError             ├── UnavailableError        ├── DataLossError
    │   └── UnimplementedError
    │       └── NoGradientError       (also a LookupError)
    ├── CompositeArgument             (also a TypeError and a ValueError) a sparse or ragged tensor where a dense one is needed
    ├── NotCompilable                 caught where graphs are run: the part runs on the host instead
    └── OperatorNotAllowedInGraphError (also a TypeError)

Errors carry no HTTP or gRPC status: each protocol maps `code` in one table of its own.
A message says what was given, what was expected, and what to do.
"""

from __future__ import annotations

from typing import Any, ClassVar

CODES = {
    "OK": 0,
    "CANCELLED": 1,
    "UNKNOWN": 2,
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "ABORTED": 10,
    "OUT_OF_RANGE": 11,
    "UNIMPLEMENTED": 12,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "DATA_LOSS": 15,
    "UNAUTHENTICATED": 16,
}
"""The numbers of the canonical codes."""


class HeadraceError(Exception):
    """Root of every error that Headrace raises on purpose."""


class OpError(HeadraceError):
    """An operation failed; `code` is the canonical name of the failure."""

    code: ClassVar[str] = "UNKNOWN"

    def __init__(self, *arguments: Any, message: str = "", op: Any = None, node_def: Any = None) -> None:
        """Takes the message, or, as TensorFlow's errors do, `node_def, op, message` and possibly a code."""
        if len(arguments) == 1:
            (message,) = arguments
        elif arguments:
            node_def, op, *rest = arguments
            message = rest[0] if rest else message
        super().__init__(message)
        self.message = message
        self.op = op
        self.node_def = node_def

    @property
    def error_code(self) -> int:
        """The number of the failure in TensorFlow's protocols."""
        return CODES[self.code]

    @property
    def experimental_payloads(self) -> dict[str, bytes]:
        """Nothing: no failure carries more than its message here."""
        return {}


class CancelledError(OpError):
    """The work was cancelled by whoever asked for it."""

    code = "CANCELLED"


class UnknownError(OpError):
    """A failure with no better name."""

    code = "UNKNOWN"


class InvalidArgumentError(OpError, ValueError):
    """An argument is wrong whatever the state of the system."""

    code = "INVALID_ARGUMENT"


class DeadlineExceededError(OpError):
    """The time allowed for the work ran out."""

    code = "DEADLINE_EXCEEDED"


class NotFoundError(OpError):
    """Something named in the request does not exist."""

    code = "NOT_FOUND"


class AlreadyExistsError(OpError):
    """Something to be created exists already."""

    code = "ALREADY_EXISTS"


class PermissionDeniedError(OpError):
    """The caller may not do this."""

    code = "PERMISSION_DENIED"


class UnauthenticatedError(OpError):
    """The caller did not prove who it is."""

    code = "UNAUTHENTICATED"


class ResourceExhaustedError(OpError):
    """A queue, a quota or the memory is full."""

    code = "RESOURCE_EXHAUSTED"


class FailedPreconditionError(OpError):
    """The system is not in the state that the call needs."""

    code = "FAILED_PRECONDITION"


class AbortedError(OpError):
    """The work was stopped by a conflict and may be tried again."""

    code = "ABORTED"


class OutOfRangeError(OpError):
    """The end of the input, or of a valid range, was passed."""

    code = "OUT_OF_RANGE"


class UnimplementedError(OpError, NotImplementedError):
    """The operation is not supported."""

    code = "UNIMPLEMENTED"


class InternalError(OpError):
    """An invariant of Headrace itself is broken: a bug."""

    code = "INTERNAL"


class NotCompilable(HeadraceError):
    """Part of a graph cannot be compiled, which shows while it is lowered; it runs on the host instead.

    Attributes:
        reason: why, for people.
        node: the node of the outermost graph that holds the part.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.node: object = None


class CompositeArgument(HeadraceError, TypeError, ValueError):
    """A sparse or ragged tensor stands where a dense one is needed; caught where there is a way to do it for such tensors.

    Attributes:
        value: the tensor.
    """

    def __init__(self, value: object) -> None:
        super().__init__(
            f"a {type(value).__name__} was given where a dense tensor is needed; turn it into one (tf.sparse.to_dense,"
            " RaggedTensor.to_tensor) or use an op for such tensors"
        )
        self.value = value


class UnavailableError(OpError):
    """The service cannot answer now; the same call may succeed later."""

    code = "UNAVAILABLE"


class DataLossError(OpError):
    """Stored data is truncated or fails its checksum."""

    code = "DATA_LOSS"


class OperatorNotAllowedInGraphError(HeadraceError, TypeError):
    """A symbolic tensor was used where Python needs a concrete value."""


class NoGradientError(UnimplementedError, LookupError):
    """A gradient was asked for through an op that has none."""
