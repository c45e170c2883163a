"""tf.errors."""

from headrace.core.errors import CODES as _CODES
from headrace.core.errors import AbortedError as AbortedError
from headrace.core.errors import AlreadyExistsError as AlreadyExistsError
from headrace.core.errors import CancelledError as CancelledError
from headrace.core.errors import DataLossError as DataLossError
from headrace.core.errors import DeadlineExceededError as DeadlineExceededError
from headrace.core.errors import FailedPreconditionError as FailedPreconditionError
from headrace.core.errors import HeadraceError as HeadraceError
from headrace.core.errors import InternalError as InternalError
from headrace.core.errors import InvalidArgumentError as InvalidArgumentError
from headrace.core.errors import NoGradientError as NoGradientError
from headrace.core.errors import NotFoundError as NotFoundError
from headrace.core.errors import OperatorNotAllowedInGraphError as OperatorNotAllowedInGraphError
from headrace.core.errors import OpError as OpError
from headrace.core.errors import OutOfRangeError as OutOfRangeError
from headrace.core.errors import PermissionDeniedError as PermissionDeniedError
from headrace.core.errors import ResourceExhaustedError as ResourceExhaustedError
from headrace.core.errors import UnauthenticatedError as UnauthenticatedError
from headrace.core.errors import UnavailableError as UnavailableError
from headrace.core.errors import UnimplementedError as UnimplementedError
from headrace.core.errors import UnknownError as UnknownError

ABORTED = _CODES["ABORTED"]
ALREADY_EXISTS = _CODES["ALREADY_EXISTS"]
CANCELLED = _CODES["CANCELLED"]
DATA_LOSS = _CODES["DATA_LOSS"]
DEADLINE_EXCEEDED = _CODES["DEADLINE_EXCEEDED"]
FAILED_PRECONDITION = _CODES["FAILED_PRECONDITION"]
INTERNAL = _CODES["INTERNAL"]
INVALID_ARGUMENT = _CODES["INVALID_ARGUMENT"]
NOT_FOUND = _CODES["NOT_FOUND"]
OK = _CODES["OK"]
OUT_OF_RANGE = _CODES["OUT_OF_RANGE"]
PERMISSION_DENIED = _CODES["PERMISSION_DENIED"]
RESOURCE_EXHAUSTED = _CODES["RESOURCE_EXHAUSTED"]
UNAUTHENTICATED = _CODES["UNAUTHENTICATED"]
UNAVAILABLE = _CODES["UNAVAILABLE"]
UNIMPLEMENTED = _CODES["UNIMPLEMENTED"]
UNKNOWN = _CODES["UNKNOWN"]
