"""Non-maximum suppression: the best of boxes that overlap. The number of outputs depends on the data, so it runs on the host."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

import numpy as np

from headrace.core.dtypes import float16, float32
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import op

_KINDS = (float16, float32)
Overlap = Callable[[int, int], float]


def _areas(boxes: Any) -> tuple[Any, Any]:
    """Boxes with their lesser corner first [n, 4], and their areas [n]; float32."""
    given = boxes.astype(np.float32)
    corners = np.concatenate([np.minimum(given[:, :2], given[:, 2:]), np.maximum(given[:, :2], given[:, 2:])], 1)
    return corners, (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])


def _intersection_over_union(boxes: Any) -> Overlap:
    corners, areas = _areas(boxes)

    def overlap(i: int, j: int) -> float:
        if areas[i] <= 0 or areas[j] <= 0:
            return 0.0
        low, high = np.maximum(corners[i, :2], corners[j, :2]), np.minimum(corners[i, 2:], corners[j, 2:])
        height, width = np.maximum(high - low, np.float32(0))
        shared = height * width
        return float(shared / (areas[i] + areas[j] - shared))

    return overlap


def _check_boxes(boxes: Any, scores: Any) -> None:
    if boxes.ndim != 2 or boxes.shape[1] != 4 or scores.shape != boxes.shape[:1]:
        raise InvalidArgumentError(f"boxes have the shape [n, 4] and scores [n]; got {list(boxes.shape)} and {list(scores.shape)}")


def _check_share(value: Any, name: str) -> float:
    share = float(value)
    if not 0 <= share <= 1:
        raise InvalidArgumentError(f"{name} is between 0 and 1; got {share:g}")
    return share


def _suppress(scores: Any, most: int, overlap: Overlap, limit: float, least: float, sigma: float = 0.0) -> tuple[Any, Any]:
    """The chosen boxes and their scores, best first.

    With a `sigma` (soft suppression: Bodla and others, 2017) overlapping boxes lose score instead of being dropped.
    """
    if most < 0:
        raise InvalidArgumentError(f"max_output_size is 0 or more; got {most}")
    queue = [(-float(s), i, 0) for i, s in enumerate(scores) if s > least]
    heapq.heapify(queue)
    chosen: list[int] = []
    kept: list[float] = []
    decay = -0.5 / sigma if sigma > 0 else 0.0
    while queue and len(chosen) < most:
        negative, index, seen = heapq.heappop(queue)
        score, dropped = -negative, False
        for other in reversed(chosen[seen:]):
            similarity = overlap(index, other)
            if sigma > 0:
                score = float(np.float32(score) * np.float32(np.exp(np.float32(decay) * similarity * similarity)))
            dropped = sigma <= 0 and similarity > limit
            if dropped or score <= least:
                break
        if dropped:
            continue
        if score == -negative:
            chosen.append(index)
            kept.append(score)
        elif score > least:
            heapq.heappush(queue, (-score, index, len(chosen)))
    return np.array(chosen, np.int32), np.array(kept, np.float32).astype(scores.dtype)


def _padded(values: Any, most: int) -> Any:
    return np.concatenate([values, np.zeros(max(most - len(values), 0), values.dtype)])


def _select(boxes: Any, scores: Any, most: Any, limit: Any, least: float = float("-inf")) -> Any:
    _check_boxes(boxes, scores)
    return _suppress(scores, int(most), _intersection_over_union(boxes), _check_share(limit, "iou_threshold"), least)[0]


@op(
    "NonMaxSuppression",
    "boxes: float, scores: float, max_output_size: int32 -> selected_indices: int32",
    host_only=True,
    differentiable=False,
)
def non_max_suppression_v1(boxes: Any, scores: Any, max_output_size: Any, *, iou_threshold: float = 0.5) -> Any:
    """The positions of the best boxes that do not overlap by more than `iou_threshold`."""
    return _select(boxes, scores, max_output_size, iou_threshold)


@op(
    "NonMaxSuppressionV2",
    "boxes: T, scores: T, max_output_size: int32, iou_threshold: T_threshold -> selected_indices: int32",
    T=_KINDS,
    T_threshold=_KINDS,
    host_only=True,
    differentiable=False,
)
def non_max_suppression_v2(boxes: Any, scores: Any, max_output_size: Any, iou_threshold: Any) -> Any:
    """The positions of the best boxes that do not overlap by more than `iou_threshold`."""
    return _select(boxes, scores, max_output_size, iou_threshold)


_V3 = "boxes: T, scores: T, max_output_size: int32, iou_threshold: T_threshold, score_threshold: T_threshold"


@op(
    "NonMaxSuppressionV3",
    f"{_V3} -> selected_indices: int32",
    T=_KINDS,
    T_threshold=_KINDS,
    host_only=True,
    differentiable=False,
)
def non_max_suppression_v3(
    boxes: Any,
    scores: Any,
    max_output_size: Any,
    iou_threshold: Any,
    score_threshold: Any,
) -> Any:
    """The same among the boxes with a score above `score_threshold`."""
    return _select(boxes, scores, max_output_size, iou_threshold, float(score_threshold))


@op(
    "NonMaxSuppressionV4",
    f"{_V3} -> selected_indices: int32, valid_outputs: int32",
    T=_KINDS,
    T_threshold=_KINDS,
    host_only=True,
    differentiable=False,
)
def non_max_suppression_v4(
    boxes: Any,
    scores: Any,
    max_output_size: Any,
    iou_threshold: Any,
    score_threshold: Any,
    *,
    pad_to_max_output_size: bool = False,
) -> Any:
    """The same, and their number; zeros fill the positions up to `max_output_size` where asked for."""
    chosen = _select(boxes, scores, max_output_size, iou_threshold, float(score_threshold))
    count = np.int32(len(chosen))
    return _padded(chosen, int(max_output_size)) if pad_to_max_output_size else chosen, count


@op(
    "NonMaxSuppressionV5",
    "boxes: T, scores: T, max_output_size: int32, iou_threshold: T, score_threshold: T, soft_nms_sigma: T"
    " -> selected_indices: int32, selected_scores: T, valid_outputs: int32",
    T=_KINDS,
    host_only=True,
    differentiable=False,
)
def non_max_suppression_v5(
    boxes: Any,
    scores: Any,
    max_output_size: Any,
    iou_threshold: Any,
    score_threshold: Any,
    soft_nms_sigma: Any,
    *,
    pad_to_max_output_size: bool = False,
) -> Any:
    """The same with their scores, which soft suppression (a sigma above 0) lowers."""
    _check_boxes(boxes, scores)
    if soft_nms_sigma < 0:
        raise InvalidArgumentError(f"soft_nms_sigma is 0 or more; got {float(soft_nms_sigma):g}")
    limit, most = _check_share(iou_threshold, "iou_threshold"), int(max_output_size)
    overlap = _intersection_over_union(boxes)
    chosen, kept = _suppress(scores, most, overlap, limit, float(score_threshold), float(soft_nms_sigma))
    count = np.int32(len(chosen))
    if pad_to_max_output_size:
        chosen, kept = _padded(chosen, most), _padded(kept, most)
    return chosen, kept, count


def _batch_shape(boxes: Any, scores: Any, most: Any, *_: Any) -> list[tuple[int, ...]]:
    return [(*boxes[:-2], int(most)), boxes[:-2]]


@op(
    "_NonMaxSuppressionOfBatch",
    f"{_V3} -> selected_indices: int32, valid_outputs: int32",
    T=_KINDS,
    T_threshold=_KINDS,
    static=("max_output_size",),
    shape=_batch_shape,
    host_only=True,
    differentiable=False,
    exportable=False,
)
def non_max_suppression_of_batch(boxes: Any, scores: Any, max_output_size: Any, iou_threshold: Any, score_threshold: Any) -> Any:
    """NonMaxSuppressionV4 of every image of a batch [..., n, 4], with positions filled up to `max_output_size`."""
    if boxes.ndim < 2 or scores.shape != boxes.shape[:-1]:
        raise InvalidArgumentError(
            f"boxes have the shape [..., n, 4] and scores [..., n]; got {list(boxes.shape)} and {list(scores.shape)}"
        )
    most, least = int(max_output_size), float(score_threshold)
    images = zip(boxes.reshape(-1, *boxes.shape[-2:]), scores.reshape(-1, scores.shape[-1]), strict=True)
    chosen = [_select(each, own, most, iou_threshold, least) for each, own in images]
    batch = boxes.shape[:-2]
    indices = np.array([_padded(positions, most) for positions in chosen], np.int32).reshape(*batch, most)
    return indices, np.array([len(positions) for positions in chosen], np.int32).reshape(batch)


@op(
    "NonMaxSuppressionWithOverlaps",
    "overlaps: float, scores: float, max_output_size: int32, overlap_threshold: float, score_threshold: float"
    " -> selected_indices: int32",
    host_only=True,
    differentiable=False,
)
def non_max_suppression_with_overlaps(
    overlaps: Any, scores: Any, max_output_size: Any, overlap_threshold: Any, score_threshold: Any
) -> Any:
    """The same with the overlap of every two boxes given [n, n]."""
    if overlaps.shape != (*scores.shape, *scores.shape) or scores.ndim != 1:
        raise InvalidArgumentError(
            f"overlaps have the shape [n, n] and scores [n]; got {list(overlaps.shape)} and {list(scores.shape)}"
        )
    limit = float(overlap_threshold)
    return _suppress(scores, int(max_output_size), lambda i, j: float(overlaps[i, j]), limit, float(score_threshold))[0]


def _combined_shape(boxes: Any, scores: Any, per_class: Any, total: Any, *_: Any, **attrs: Any) -> list[tuple[int, ...]]:
    most = int(total)
    if attrs["pad_per_class"]:
        most = min(most, int(per_class) * scores[2])
    return [(boxes[0], most, 4), (boxes[0], most), (boxes[0], most), (boxes[0],)]


@op(
    "CombinedNonMaxSuppression",
    "boxes: float, scores: float, max_output_size_per_class: int32, max_total_size: int32, iou_threshold: float,"
    " score_threshold: float -> nmsed_boxes: float, nmsed_scores: float, nmsed_classes: float, valid_detections: int32",
    static=("max_output_size_per_class", "max_total_size"),
    shape=_combined_shape,
    host_only=True,
    differentiable=False,
)
def combined_non_max_suppression_op(
    boxes: Any,
    scores: Any,
    max_output_size_per_class: Any,
    max_total_size: Any,
    iou_threshold: Any,
    score_threshold: Any,
    *,
    pad_per_class: bool = False,
    clip_boxes: bool = True,
) -> Any:
    """The best boxes of every image over all classes: suppression within each class, then the highest scores."""
    if boxes.ndim != 4 or boxes.shape[3] != 4 or scores.ndim != 3 or boxes.shape[:2] != scores.shape[:2]:
        raise InvalidArgumentError(
            "boxes have the shape [batch, n, 1 or classes, 4] and scores [batch, n, classes];"
            f" got {list(boxes.shape)} and {list(scores.shape)}"
        )
    if boxes.shape[2] not in (1, scores.shape[2]):
        raise InvalidArgumentError(f"there are boxes for {boxes.shape[2]} classes; expected 1 or {scores.shape[2]}")
    limit, least, per_class = _check_share(iou_threshold, "iou_threshold"), float(score_threshold), int(max_output_size_per_class)
    shapes = _combined_shape(boxes.shape, scores.shape, per_class, max_total_size, pad_per_class=pad_per_class)
    results = [np.zeros(shape, np.float32) for shape in shapes[:3]]
    valid = np.zeros(shapes[3], np.int32)
    for image in range(boxes.shape[0]):
        found: list[tuple[float, int, int]] = []
        for kind in range(scores.shape[2]):
            own = boxes[image, :, min(kind, boxes.shape[2] - 1)]
            chosen, kept = _suppress(scores[image, :, kind], per_class, _intersection_over_union(own), limit, least)
            found += [(float(s), kind, int(i)) for s, i in zip(kept, chosen, strict=True)]
        found.sort(key=lambda item: -item[0])
        found = found[: results[0].shape[1]]
        valid[image] = len(found)
        for place, (score, kind, index) in enumerate(found):
            box = boxes[image, index, min(kind, boxes.shape[2] - 1)]
            results[0][image, place] = np.clip(box, 0, 1) if clip_boxes else box
            results[1][image, place], results[2][image, place] = score, kind
    return (*results, valid)
