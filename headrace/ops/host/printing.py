"""tf.print: tensors as text, written when the program gets there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from headrace.core import nest
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get, op
from headrace.dispatch.tensor import Tensor

_FILE = "file://"
_STREAMS = {"stdout": "stdout", "stderr": "stderr", "log(info)": "stderr", "log(warning)": "stderr", "log(error)": "stderr"}


@op("PrintV2", "input: string -> ", stateful=True, host_only=True, differentiable=False)
def print_v2(input: Any, *, output_stream: str = "stderr", end: str = "\n") -> tuple[()]:
    """Writes a string to a stream or appends it to a file."""
    text = input.reshape(-1)[0].decode("utf-8", "backslashreplace") + end
    if output_stream.startswith(_FILE):
        with Path(output_stream.removeprefix(_FILE)).open("a", encoding="utf-8") as file:
            file.write(text)
        return ()
    stream = getattr(sys, _STREAMS.get(output_stream, "stderr"))
    stream.write(text)
    stream.flush()
    return ()


def print_function(
    *inputs: Any, output_stream: Any = None, summarize: int = 3, sep: str = " ", end: str = "\n", name: str | None = None
) -> None:
    """Prints tensors and Python objects when the program gets there, in a graph as well.

    Args:
        *inputs: tensors, structures of them, or anything with a text form.
        output_stream: sys.stderr (the default), sys.stdout, a `file://` path, or a logging level of TensorFlow such as
            "log(info)".
        summarize: how many elements to show at each end of a dimension; -1 shows all.
        sep: what stands between inputs.
        end: what stands at the end.

    Raises:
        ValueError: the stream is none of these.
    """
    tensors: list[Any] = []
    mark = _unused_mark([*inputs, sep])
    parts = [_part(item, tensors, mark) for item in inputs]
    template = sep.join(parts)
    text = get("StringFormat")(tensors, template=template, placeholder=mark, summarize=summarize)
    get("PrintV2").all(text, output_stream=_stream_name(output_stream), end=end, name=name)


def _part(item: Any, tensors: list[Any], mark: str) -> str:
    """The item's text with marks in place of its tensors, which are appended to `tensors`."""
    if _is_tensor(item):
        tensors.append(convert_to_tensor(item))
        return mark
    if not isinstance(item, list | tuple | dict):
        return str(item)
    flat = [_Raw(_part(leaf, tensors, mark) if _is_tensor(leaf) else repr(leaf)) for leaf in nest.flatten(item)]
    return repr(nest.pack_sequence_as(item, flat))


def _unused_mark(items: Any) -> str:
    """A placeholder that occurs in none of the plain texts."""
    plain = " ".join(repr(leaf) + str(leaf) for leaf in nest.flatten(items) if not _is_tensor(leaf))
    mark = "{}"
    while mark in plain:
        mark = "{" + mark + "}"
    return mark


class _Raw:
    """Text whose repr is itself."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _is_tensor(item: Any) -> bool:
    return isinstance(item, Tensor) or hasattr(item, "__tf_tensor__")


def _stream_name(stream: Any) -> str:
    if stream is None or stream is sys.stderr:
        return "stderr"
    if stream is sys.stdout:
        return "stdout"
    if isinstance(stream, str) and (stream in _STREAMS or stream.startswith(_FILE)):
        return stream
    raise ValueError(f"output_stream must be sys.stdout, sys.stderr, 'file://...' or one of {sorted(_STREAMS)}; got {stream!r}")
