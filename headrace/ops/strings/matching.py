"""Regular expressions, with RE2 (the extra `headrace[text]`): its time is linear in the text, whatever the pattern."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from headrace.core import dtypes
from headrace.core.errors import InvalidArgumentError, UnimplementedError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import op
from headrace.dispatch.tensor import Tensor
from headrace.ops.strings.elements import encoded, mapped, numbers, same_shape, scalar

_REWRITE = re.compile(rb"\\(.?)|[^\\]+", re.DOTALL)


@lru_cache(256)
def _compiled(pattern: bytes) -> Any:
    try:
        import re2  # noqa: PLC0415
    except ImportError:
        raise UnimplementedError("regular expressions need RE2, which is not installed; install headrace[text]") from None
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise InvalidArgumentError(f"{pattern!r} is no regular expression of RE2's syntax: {error}") from None


def _rewrite_parts(rewrite: bytes) -> list[bytes | int]:
    """A rewrite as literal bytes and numbers of groups.

    Raises:
        InvalidArgumentError: a backslash is followed by something other than a digit or a backslash.
    """
    parts: list[bytes | int] = []
    for found in _REWRITE.finditer(rewrite):
        escaped = found.group(1)
        if escaped is None:
            parts.append(found.group())
        elif escaped == b"\\":
            parts.append(b"\\")
        elif escaped.isdigit():
            parts.append(int(escaped))
        else:
            raise InvalidArgumentError(f"the rewrite {rewrite!r} holds \\{escaped.decode('latin1')}; expected \\0 to \\9 or \\\\")
    return parts


def _character_end(text: bytes, start: int) -> int:
    """The end of the UTF-8 character that begins at `start`; one byte where there is none."""
    end = start + 1
    if text[start] >= 0xC0:
        while end < len(text) and end < start + 4 and 0x80 <= text[end] < 0xC0:
            end += 1
    return end


def _replaced(pattern: Any, parts: list[bytes | int], text: bytes, everywhere: bool) -> bytes:
    out: list[bytes] = []
    position, last_end = 0, -1
    while position <= len(text):
        found = pattern.search(text, position)
        if found is None:
            break
        start, end = found.span()
        out.append(text[position:start])
        if start == end == last_end:
            # An empty match right after a match does not count: step over one character.
            if start == len(text):
                position = len(text)
                break
            position = _character_end(text, start)
            out.append(text[start:position])
            continue
        out.extend((found.group(part) or b"") if isinstance(part, int) else part for part in parts)
        position = last_end = end
        if not everywhere:
            break
    out.append(text[position:])
    return b"".join(out)


def _replace_in(input: Any, pattern: bytes, rewrite: bytes, everywhere: bool) -> Any:
    compiled, parts = _compiled(pattern), _rewrite_parts(rewrite)
    if max((part for part in parts if isinstance(part, int)), default=0) > compiled.groups:
        return input  # RE2, and so TensorFlow, replaces nothing when the rewrite names a group that the pattern lacks.
    return mapped(lambda text: _replaced(compiled, parts, text, everywhere), input)


@op("RegexReplace", "input: string, pattern: string, rewrite: string -> output: string", host_only=True, shape=same_shape)
def regex_replace_op(input: Any, pattern: Any, rewrite: Any, *, replace_global: bool = True) -> Any:
    """Every match of the pattern (or the first) replaced; `\\1` in the rewrite stands for the first group."""
    return _replace_in(input, scalar(pattern, "pattern"), scalar(rewrite, "rewrite"), replace_global)


@op("StaticRegexReplace", "input: string -> output: string", host_only=True, shape=same_shape)
def static_regex_replace(input: Any, *, pattern: str, rewrite: str, replace_global: bool = True) -> Any:
    """Every match of the pattern (or the first) replaced; `\\1` in the rewrite stands for the first group."""
    return _replace_in(input, encoded(pattern), encoded(rewrite), replace_global)


def _matches(input: Any, pattern: bytes) -> Any:
    compiled = _compiled(pattern)
    return numbers(lambda text: compiled.fullmatch(text) is not None, input, bool)


@op("RegexFullMatch", "input: string, pattern: string -> output: bool", host_only=True, differentiable=False, shape=same_shape)
def regex_full_match_op(input: Any, pattern: Any) -> Any:
    """Whether the pattern matches the whole of each string."""
    return _matches(input, scalar(pattern, "pattern"))


@op("StaticRegexFullMatch", "input: string -> output: bool", host_only=True, differentiable=False, shape=same_shape)
def static_regex_full_match(input: Any, *, pattern: str) -> Any:
    """Whether the pattern matches the whole of each string."""
    return _matches(input, encoded(pattern))


def regex_replace(input: Any, pattern: Any, rewrite: Any, replace_global: bool = True, name: str | None = None) -> Tensor:
    """Every match of the RE2 pattern (or, without `replace_global`, the first) replaced.

    Raises:
        InvalidArgumentError: the pattern or the rewrite is malformed.
    """
    if isinstance(pattern, str | bytes) and isinstance(rewrite, str | bytes):
        return static_regex_replace(input, pattern=pattern, rewrite=rewrite, replace_global=replace_global, name=name)
    return regex_replace_op(input, pattern, rewrite, replace_global=replace_global, name=name)


def regex_full_match(input: Any, pattern: Any, name: str | None = None) -> Tensor:
    """Whether the RE2 pattern matches the whole of each string.

    Raises:
        InvalidArgumentError: the pattern is malformed.
    """
    if isinstance(pattern, str | bytes):
        return static_regex_full_match(convert_to_tensor(input, dtypes.string), pattern=pattern, name=name)
    return regex_full_match_op(input, pattern, name=name)
