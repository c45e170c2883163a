"""Forms of answers: what PredictResponses of one signature and of the same shapes have in common.

All of an answer but its numbers is written once, and joined with the numbers of each answer from then on.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from headrace.serving.dataplane import Prediction
from headrace.serving.engines.base import Array, Signature
from headrace.serving.grpc.codec import predict_pieces

MAX_FORMS = 256
"""All are let go where there are more."""
MAX_FRAME_BYTES = 4 << 10
"""Of a form that is kept: its bytes around the numbers."""
_IN_ORDER = sys.byteorder == "little"


@dataclass(frozen=True, slots=True)
class _Frame:
    """An answer without its numbers. `pieces` has None where those of an output stand, `names` the outputs in that order."""

    pieces: tuple[bytes | None, ...]
    names: tuple[str, ...]

    def filled(self, outputs: dict[str, Array]) -> bytes:
        values = iter(self.names)
        return b"".join([outputs[next(values)].data if piece is None else piece for piece in self.pieces])


class Answers:
    """Writes PredictResponses. Any thread may.

    Args:
        tensor_content: put numbers there, not into the typed lists.
    """

    def __init__(self, tensor_content: bool) -> None:
        self._content = tensor_content
        self._frames: dict[Hashable, _Frame] = {}
        self._lock = threading.Lock()

    def write(self, model: str, prediction: Prediction, signature: Signature) -> bytes:
        """The serialized PredictResponse of a prediction of `model`; `signature` says which dtypes the outputs have."""
        outputs = prediction.outputs
        declared = signature.outputs
        key = (
            model,
            prediction.version,
            prediction.signature,
            *((name, value.shape, value.dtype, declared[name].dtype) for name, value in outputs.items()),
        )
        frame = self._frames.get(key)
        if frame is not None:
            for value in outputs.values():
                if not value.flags.c_contiguous:
                    break
            else:
                return frame.filled(outputs)
        pieces = predict_pieces(model, prediction, signature, self._content)
        if frame is None:
            self._learn(key, outputs, pieces)
        return b"".join(pieces)

    def _learn(self, key: Hashable, outputs: dict[str, Array], pieces: Sequence[bytes | memoryview]) -> None:
        """Remembers a form, if all numbers are blocks that stand in memory as they do in the answer."""
        filled = tuple(name for name, value in outputs.items() if value.size)
        blocks = sum(not isinstance(piece, bytes) for piece in pieces)
        plain = _IN_ORDER and all(value.dtype.isbuiltin == 1 for value in outputs.values())
        frame = _merged(pieces)
        if not plain or blocks != len(filled) or sum(len(piece) for piece in frame if piece is not None) > MAX_FRAME_BYTES:
            return
        with self._lock:
            if len(self._frames) >= MAX_FORMS:
                self._frames.clear()
            self._frames[key] = _Frame(frame, filled)

    def __len__(self) -> int:
        return len(self._frames)


def _merged(pieces: Sequence[bytes | memoryview]) -> tuple[bytes | None, ...]:
    """The bytes, put together where they are neighbours; None for each block of numbers."""
    frame: list[bytes | None] = []
    for piece in pieces:
        if not isinstance(piece, bytes):
            frame.append(None)
        elif frame and frame[-1] is not None:
            frame[-1] += piece
        else:
            frame.append(piece)
    return tuple(frame)
