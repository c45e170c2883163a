"""Drawing pictures for summaries, on the host, with Pillow (the extra `headrace[image]`)."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import Strs, op
from headrace.ops.image.codecs import pillow

MOST_CLASSES = 64
CELL, MARGIN, LONGEST_NAME = 44, 8, 24
_PAPER, _INK, _FULL = (255, 255, 255), (32, 33, 36), (8, 81, 156)


@op("_DrawConfusionMatrix", "counts: int32 -> image: uint8", host_only=True, differentiable=False, exportable=False)
def draw_confusion_matrix(counts: Any, *, names: Strs) -> Any:
    """An image [1, height, width, 3] of a matrix with the true classes for rows: the more of a row, the darker."""
    size = len(counts)
    if counts.ndim != 2 or counts.shape[1] != size or not 0 < size <= MOST_CLASSES:
        raise InvalidArgumentError(f"counts has the shape [n, n] with 1 to {MOST_CLASSES} classes; got {list(counts.shape)}")
    if names and len(names) != size:
        raise InvalidArgumentError(f"{size} classes have {len(names)} names; give one a class")
    texts = [text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…" for text in names or map(str, range(size))]
    image = pillow()
    font = importlib.import_module("PIL.ImageFont").load_default(12)
    drawing = importlib.import_module("PIL.ImageDraw").Draw
    widest = max(int(font.getlength(text)) for text in texts)
    left, top = widest + 3 * MARGIN + 16, 2 * MARGIN + 16
    paper = image.new("RGB", (left + size * CELL + MARGIN, top + size * CELL + widest + 3 * MARGIN), _PAPER)
    pen = drawing(paper)
    pen.text((left + size * CELL / 2, MARGIN + 8), "predicted", _INK, font, "mm")
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    for row, text in enumerate(texts):
        middle = top + (row + 0.5) * CELL
        pen.text((left - MARGIN, middle), text, _INK, font, "rm")
        for column in range(size):
            _draw_cell(pen, font, (left + column * CELL, top + row * CELL), counts[row, column], float(shares[row, column]))
        _paste_upright(paper, _line(image, drawing, font, text), (left + int((row + 0.5) * CELL), top + size * CELL + MARGIN))
    _paste_upright(paper, _line(image, drawing, font, "true"), (MARGIN + 8, top + size * CELL // 2 - 14))
    return np.asarray(paper)[None]


def _draw_cell(pen: Any, font: Any, corner: tuple[int, int], count: Any, share: float) -> None:
    x, y = corner
    fill = tuple(round(p + (f - p) * share) for p, f in zip(_PAPER, _FULL, strict=True))
    pen.rectangle((x, y, x + CELL - 2, y + CELL - 2), fill)
    pen.text((x + CELL / 2 - 1, y + CELL / 2 - 1), f"{count:g}"[:7], _PAPER if share > 0.5 else _INK, font, "mm")


def _line(image: Any, drawing: Any, font: Any, text: str) -> Any:
    """A picture of one line of text."""
    line = image.new("RGB", (int(font.getlength(text)) + 2, 16), _PAPER)
    drawing(line).text((0, 8), text, _INK, font, "lm")
    return line


def _paste_upright(paper: Any, line: Any, top: tuple[int, int]) -> None:
    """Puts a line down to be read from the bottom, with the middle of its upper end at `top`."""
    paper.paste(line.rotate(90, expand=True), (top[0] - 8, top[1]))
