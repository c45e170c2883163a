"""tf.errors."""

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
