"""Writes YAML 1.2 that parsers of YAML 1.1 read alike: what Prometheus and Kubernetes are configured with."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence

Value = str | int | float | bool | None | Mapping[str, "Value"] | Sequence["Value"]
"""What a document is made of: that of JSON."""

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./ -]*(?<! )")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"}
"""What some parser takes for something else than a string."""
_PRINTABLE = re.compile(r"[ -~]*")
_BLOCK = re.compile("[!-~](?:[ -~¡-˿]*[!-~])?(?:\n+[ -~¡-˿]*[!-~])+\n?")
"""Strings of several lines that may stand as a block: printable, no space before the first or behind any of them."""


def dump(*documents: Value) -> str:
    """The text of documents, parted by `---`; a mapping keeps its order, and the same value gives the same text.

    Raises:
        ValueError: a number is not finite.
    """
    return "---\n".join("\n".join(_lines(document)) + "\n" for document in documents)


def _lines(value: Value) -> Iterator[str]:
    """The lines of a value that begins on a line of its own."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _entry(f"{_string(key)}:", item, nested="  " if isinstance(item, Mapping) else "")
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        for item in value:
            yield from _item(item)
    else:
        yield _scalar(value)


def _entry(key: str, value: Value, nested: str) -> Iterator[str]:
    """`key` and what belongs to it, on the same line where that is short."""
    if isinstance(value, str) and _BLOCK.fullmatch(value):
        yield f"{key} |" + ("" if value.endswith("\n") else "-")
        yield from (f"  {line}" if line else "" for line in value.removesuffix("\n").split("\n"))
    elif isinstance(value, Mapping | Sequence) and not isinstance(value, str) and value:
        yield key
        yield from (nested + line for line in _lines(value))
    else:
        yield f"{key} {_scalar(value)}"


def _item(value: Value) -> Iterator[str]:
    """An element of a sequence: what it holds begins behind the dash."""
    if isinstance(value, Mapping | Sequence) and not isinstance(value, str) and value:
        first, *rest = _lines(value)
        yield f"- {first}"
        yield from (f"  {line}" if line else "" for line in rest)
    else:
        yield f"- {_scalar(value)}"


def _scalar(value: Value) -> str:
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} cannot be written as YAML; expected a finite number")
    text = json.dumps(value)
    return text.replace("e", ".0e") if isinstance(value, float) and "." not in text else text  # YAML 1.1 asks for the point


def _string(value: str) -> str:
    """A string, in quotes wherever it could be read as something else."""
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if '"' in value and _PRINTABLE.fullmatch(value):
        return "'" + value.replace("'", "''") + "'"
    return json.dumps(value)  # JSON's quotes are YAML's
