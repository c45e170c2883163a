"""The operating system's errors as TensorFlow's."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from headrace.core.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    OpError,
    OutOfRangeError,
    PermissionDeniedError,
    ResourceExhaustedError,
    UnknownError,
)

_KINDS: tuple[tuple[type[OSError], type[OpError]], ...] = (
    (FileNotFoundError, NotFoundError),
    (FileExistsError, AlreadyExistsError),
    (PermissionError, PermissionDeniedError),
    (IsADirectoryError, FailedPreconditionError),
    (NotADirectoryError, FailedPreconditionError),
)
_NUMBERS: dict[int | None, type[OpError]] = {
    errno.EINVAL: InvalidArgumentError,
    errno.ENAMETOOLONG: InvalidArgumentError,
    errno.ENOTEMPTY: FailedPreconditionError,
    errno.ENOSPC: ResourceExhaustedError,
    errno.EDQUOT: ResourceExhaustedError,
    errno.EMFILE: ResourceExhaustedError,
    errno.EFBIG: OutOfRangeError,
}


def as_op_error(error: OSError, path: str) -> OpError:
    """TensorFlow's error for one of the operating system."""
    kind = next((ours for theirs, ours in _KINDS if isinstance(error, theirs)), _NUMBERS.get(error.errno, UnknownError))
    return kind(f"{path}: {error.strerror or error}")


@contextmanager
def named(path: str) -> Iterator[None]:
    """Turns the operating system's errors inside into TensorFlow's, which name the path."""
    try:
        yield
    except OSError as error:
        raise as_op_error(error, path) from error
