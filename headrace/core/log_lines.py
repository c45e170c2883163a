"""Log lines that people and machines read: `time level logger "what happened" key=value ...` on stderr."""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import Any

_KEY = "headrace_fields"
_SELDOM_SECONDS = 60.0


def fields(**values: Any) -> dict[str, Any]:
    """What to give a logging call as `extra` so that the line ends in these key=value pairs."""
    return {_KEY: values}


class LineFormatter(logging.Formatter):
    """One record a line, values quoted where they hold spaces; a traceback becomes one quoted value."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of one record."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        values = dict(getattr(record, _KEY, {}))
        if record.exc_info:
            values["traceback"] = self.formatException(record.exc_info)
        pairs = "".join(f" {key}={_quote(value)}" for key, value in values.items())
        return f"{time} {record.levelname} {record.name} {_quote(record.getMessage(), always=True)}{pairs}"


class Seldom(logging.Filter):
    """Lets each warning through once in a while: those of the HTTP server are caused by clients, as often as they like.

    Args:
        seconds: between two warnings of one kind, whatever their values.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._next: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is written."""
        if record.levelno != logging.WARNING:
            return True
        kind, now = str(record.msg), time.monotonic()
        if now < self._next.get(kind, 0.0):
            return False
        self._next[kind] = now + self._seconds
        return True


def configure(level: str = "INFO") -> None:
    """Sends the records of Headrace and of the HTTP server to stderr, `level` and above."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    for name in ("headrace", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(level if name == "headrace" else "WARNING")
    logging.getLogger("uvicorn.error").filters = [Seldom(_SELDOM_SECONDS)]


def _quote(value: Any, always: bool = False) -> str:
    text = str(value)
    plain = text.isprintable() and text != "" and not any(mark in text for mark in ' "=')
    return text if plain and not always else json.dumps(text, ensure_ascii=False)
