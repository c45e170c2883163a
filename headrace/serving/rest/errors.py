"""The one table from errors to HTTP statuses."""

from __future__ import annotations

from headrace.core.errors import InvalidArgumentError, OpError


class PayloadTooLargeError(InvalidArgumentError):
    """The request's body is larger than this server takes."""


class UnsupportedEncodingError(InvalidArgumentError):
    """The request's body is compressed in a way that this server does not read."""


class UnsupportedMediaTypeError(InvalidArgumentError):
    """The request's body is of a kind that is not read under this path."""


class PathNotFoundError(InvalidArgumentError):
    """Nothing is served under this path."""


class MethodNotAllowedError(InvalidArgumentError):
    """The path exists, the method on it does not."""


_OF_CLASS: dict[type[OpError], int] = {
    PathNotFoundError: 404,
    MethodNotAllowedError: 405,
    PayloadTooLargeError: 413,
    UnsupportedEncodingError: 415,
    UnsupportedMediaTypeError: 415,
}

_OF_CODE = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "UNAUTHENTICATED": 401,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
}


def http_status(error: OpError) -> int:
    """The HTTP status that answers `error`."""
    return _OF_CLASS.get(type(error)) or _OF_CODE[error.code]
