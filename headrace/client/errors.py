"""The tables from canonical codes and HTTP statuses to errors."""

from __future__ import annotations

from headrace.core import errors
from headrace.core.errors import OpError

_CLASSES: tuple[type[OpError], ...] = (
    errors.CancelledError,
    errors.UnknownError,
    errors.InvalidArgumentError,
    errors.DeadlineExceededError,
    errors.NotFoundError,
    errors.AlreadyExistsError,
    errors.PermissionDeniedError,
    errors.ResourceExhaustedError,
    errors.FailedPreconditionError,
    errors.AbortedError,
    errors.OutOfRangeError,
    errors.UnimplementedError,
    errors.InternalError,
    errors.UnavailableError,
    errors.DataLossError,
    errors.UnauthenticatedError,
)
_OF_CODE = {errors.CODES[kind.code]: kind for kind in _CLASSES}

_OF_STATUS: dict[int, type[OpError]] = {
    400: errors.InvalidArgumentError,
    401: errors.UnauthenticatedError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    405: errors.UnimplementedError,
    409: errors.AbortedError,
    413: errors.InvalidArgumentError,
    415: errors.InvalidArgumentError,
    429: errors.ResourceExhaustedError,
    499: errors.CancelledError,
    500: errors.InternalError,
    501: errors.UnimplementedError,
    503: errors.UnavailableError,
    504: errors.DeadlineExceededError,
}
"""Several codes share 400, 409 and 500; these are the commonest."""


def of_code(number: int, message: str) -> OpError:
    """The error of a canonical code's number."""
    return _OF_CODE.get(number, errors.UnknownError)(message)


def of_status(status: int, message: str) -> OpError:
    """The error of an HTTP status that is not 200."""
    return _OF_STATUS.get(status, errors.UnknownError)(message)
