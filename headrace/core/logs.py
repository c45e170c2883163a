"""The logger that TensorFlow's programs adjust, and TensorFlow 1's functions around it."""

from __future__ import annotations

import logging
from typing import Any

_counts: dict[str, int] = {}


def get_logger() -> logging.Logger:
    """The logger `tensorflow`."""
    return logging.getLogger("tensorflow")


def set_verbosity(v: int) -> None:
    """Shows messages of this level and above."""
    get_logger().setLevel(v)


def get_verbosity() -> int:
    """The level from which on messages are shown."""
    return get_logger().getEffectiveLevel()


def log(level: int, msg: str, *args: Any, **kwargs: Any) -> None:
    """A message of some level."""
    get_logger().log(level, msg, *args, **kwargs)


def debug(msg: str, *args: Any, **kwargs: Any) -> None:
    """A message for those who look for errors."""
    get_logger().debug(msg, *args, **kwargs)


def info(msg: str, *args: Any, **kwargs: Any) -> None:
    """A message."""
    get_logger().info(msg, *args, **kwargs)


def warning(msg: str, *args: Any, **kwargs: Any) -> None:
    """A warning."""
    get_logger().warning(msg, *args, **kwargs)


def error(msg: str, *args: Any, **kwargs: Any) -> None:
    """An error."""
    get_logger().error(msg, *args, **kwargs)


def fatal(msg: str, *args: Any, **kwargs: Any) -> None:
    """An error after which the program cannot go on."""
    get_logger().critical(msg, *args, **kwargs)


def log_if(level: int, msg: str, condition: Any, *args: Any) -> None:
    """A message where the condition holds."""
    if condition:
        log(level, msg, *args)


def log_first_n(level: int, msg: str, n: int, *args: Any) -> None:
    """A message the first n times."""
    _counts[msg] = _counts.get(msg, 0) + 1
    log_if(level, msg, _counts[msg] <= n, *args)


def log_every_n(level: int, msg: str, n: int, *args: Any) -> None:
    """A message each nth time, beginning with the first."""
    _counts[msg] = _counts.get(msg, 0) + 1
    log_if(level, msg, (_counts[msg] - 1) % n == 0, *args)


def flush() -> None:
    """Waits until messages are written."""
    for handler in get_logger().handlers:
        handler.flush()
