"""tf.compat.v1.errors: errors, as far as TensorFlow 2 has them under the same names."""

from headrace import errors as _errors
from headrace.core.errors import AbortedError as AbortedError
from headrace.core.errors import AlreadyExistsError as AlreadyExistsError
from headrace.core.errors import CancelledError as CancelledError
from headrace.core.errors import DataLossError as DataLossError
from headrace.core.errors import DeadlineExceededError as DeadlineExceededError
from headrace.core.errors import FailedPreconditionError as FailedPreconditionError
from headrace.core.errors import InternalError as InternalError
from headrace.core.errors import InvalidArgumentError as InvalidArgumentError
from headrace.core.errors import NotFoundError as NotFoundError
from headrace.core.errors import OpError as OpError
from headrace.core.errors import OutOfRangeError as OutOfRangeError
from headrace.core.errors import PermissionDeniedError as PermissionDeniedError
from headrace.core.errors import ResourceExhaustedError as ResourceExhaustedError
from headrace.core.errors import UnauthenticatedError as UnauthenticatedError
from headrace.core.errors import UnavailableError as UnavailableError
from headrace.core.errors import UnimplementedError as UnimplementedError
from headrace.core.errors import UnknownError as UnknownError

ABORTED = _errors.ABORTED
ALREADY_EXISTS = _errors.ALREADY_EXISTS
CANCELLED = _errors.CANCELLED
DATA_LOSS = _errors.DATA_LOSS
DEADLINE_EXCEEDED = _errors.DEADLINE_EXCEEDED
FAILED_PRECONDITION = _errors.FAILED_PRECONDITION
INTERNAL = _errors.INTERNAL
INVALID_ARGUMENT = _errors.INVALID_ARGUMENT
NOT_FOUND = _errors.NOT_FOUND
OK = _errors.OK
OUT_OF_RANGE = _errors.OUT_OF_RANGE
PERMISSION_DENIED = _errors.PERMISSION_DENIED
RESOURCE_EXHAUSTED = _errors.RESOURCE_EXHAUSTED
UNAUTHENTICATED = _errors.UNAUTHENTICATED
UNAVAILABLE = _errors.UNAVAILABLE
UNIMPLEMENTED = _errors.UNIMPLEMENTED
UNKNOWN = _errors.UNKNOWN
