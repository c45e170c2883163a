"""Reads TOML that somebody wrote: bounded, and with errors that say what is wrong."""

from __future__ import annotations

import tomllib
from typing import Any

from headrace.core.errors import InvalidArgumentError


def parse(data: bytes, source: str, most_bytes: int) -> dict[str, Any]:
    """The tables of a text. A byte order mark, which some editors put before it, is passed over.

    Args:
        data: the text.
        source: names it in errors.
        most_bytes: that it may have.

    Raises:
        InvalidArgumentError: it is longer, not UTF-8, or no TOML.
    """
    if len(data) > most_bytes:
        raise InvalidArgumentError(f"{source} is larger than {most_bytes} bytes; a configuration is expected to be shorter")
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InvalidArgumentError(f"{source} is no TOML: it is not UTF-8 at byte {error.start}") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidArgumentError(f"{source} is no TOML: {error}") from None
