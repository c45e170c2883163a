"""tf.image: boxes, patches, suppression and decoding under the public parameters."""

from __future__ import annotations

from typing import Any

from headrace.core.dtypes import as_dtype, uint8
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor

LEAST = float("-inf")


def crop_and_resize(
    image: Any,
    boxes: Any,
    box_indices: Any,
    crop_size: Any,
    method: str = "bilinear",
    extrapolation_value: float = 0.0,
    name: str | None = None,
) -> Tensor:
    """Boxes cut out of images and resized.

    Args:
        image: [batch, height, width, channels].
        boxes: [n, 4], corners (y1, x1, y2, x2) as shares of height and width.
        box_indices: [n], the image of each box.
        crop_size: the height and width of the results.
        method: "bilinear" or "nearest".
        extrapolation_value: what stands outside of the image.

    Returns:
        float32 [n, crop height, crop width, channels].
    """
    return get("CropAndResize")(
        image, boxes, box_indices, crop_size, method=method, extrapolation_value=extrapolation_value, name=name
    )


def extract_patches(images: Any, sizes: Any, strides: Any, rates: Any, padding: str, name: str | None = None) -> Tensor:
    """Windows of images, each laid out along the last dimension.

    Args:
        images: [batch, height, width, channels].
        sizes: the window, [1, rows, columns, 1].
        strides: how far windows are apart, [1, rows, columns, 1].
        rates: how far the pixels of a window are apart, [1, rows, columns, 1].
        padding: "VALID" or "SAME".
    """
    return get("ExtractImagePatches")(images, ksizes=sizes, strides=strides, rates=rates, padding=padding, name=name)


def draw_bounding_boxes(images: Any, boxes: Any, colors: Any, name: str | None = None) -> Tensor:
    """Images with the edges of boxes [batch, n, 4] drawn in colours [colours, channels] (None: ten of our own) in turn."""
    if colors is None:
        return get("DrawBoundingBoxes")(images, boxes, name=name)
    return get("DrawBoundingBoxesV2")(images, boxes, colors, name=name)


def non_max_suppression(
    boxes: Any,
    scores: Any,
    max_output_size: Any,
    iou_threshold: Any = 0.5,
    score_threshold: Any = LEAST,
    name: str | None = None,
) -> Tensor:
    """The positions of the best boxes that do not overlap by more than `iou_threshold`, best first.

    Args:
        boxes: [n, 4], any two opposite corners of each.
        scores: [n].
        max_output_size: the most boxes chosen.
        iou_threshold: the share of their union that two boxes may have in common.
        score_threshold: boxes with this score or less are left out.
    """
    return get("NonMaxSuppressionV3")(boxes, scores, max_output_size, iou_threshold, score_threshold, name=name)


def non_max_suppression_with_scores(
    boxes: Any,
    scores: Any,
    max_output_size: Any,
    iou_threshold: Any = 0.5,
    score_threshold: Any = LEAST,
    soft_nms_sigma: Any = 0.0,
    name: str | None = None,
) -> tuple[Tensor, Tensor]:
    """The same with their scores; a sigma above 0 lowers the scores of boxes that overlap instead of dropping them."""
    chosen, kept, _ = get("NonMaxSuppressionV5").all(
        boxes, scores, max_output_size, iou_threshold, score_threshold, soft_nms_sigma, name=name
    )
    return chosen, kept


def non_max_suppression_padded(
    boxes: Any,
    scores: Any,
    max_output_size: Any,
    iou_threshold: Any = 0.5,
    score_threshold: Any = LEAST,
    pad_to_max_output_size: bool = False,
    name: str | None = None,
    sorted_input: bool = False,
    canonicalized_coordinates: bool = False,
    tile_size: int = 512,
) -> tuple[Tensor, Tensor]:
    """`non_max_suppression` of one image or of a batch, and how many boxes were chosen.

    Args:
        boxes: [..., n, 4].
        scores: [..., n].
        max_output_size: the most boxes of an image.
        iou_threshold: the share of their union that two boxes may have in common.
        score_threshold: boxes with this score or less are left out.
        pad_to_max_output_size: zeros fill the positions up to `max_output_size`; needed for batches.
        name: a name for the node in a graph.
        sorted_input, canonicalized_coordinates, tile_size: accepted for TensorFlow's signature; results are the same.

    Returns:
        Positions int32 [..., chosen] and their number int32 [...].

    Raises:
        ValueError: a batch without padding.
    """
    tensor = convert_to_tensor(boxes)
    rank = tensor.shape.rank
    if rank is not None and rank > 2 and not pad_to_max_output_size:
        raise ValueError("images of a batch differ in the number of boxes chosen; set pad_to_max_output_size to True")
    given = (tensor, scores, max_output_size, iou_threshold, score_threshold)
    if rank == 2:
        definition = get("NonMaxSuppressionV4")
        chosen, count = definition.all(*given, pad_to_max_output_size=pad_to_max_output_size, name=name)
    else:
        chosen, count = get("_NonMaxSuppressionOfBatch").all(*given, name=name)
    return chosen, count


def non_max_suppression_overlaps(
    overlaps: Any,
    scores: Any,
    max_output_size: Any,
    overlap_threshold: Any = 0.5,
    score_threshold: Any = LEAST,
    name: str | None = None,
) -> Tensor:
    """The same with the overlap of every two boxes given, [n, n]."""
    definition = get("NonMaxSuppressionWithOverlaps")
    return definition(overlaps, scores, max_output_size, overlap_threshold, score_threshold, name=name)


def combined_non_max_suppression(
    boxes: Any,
    scores: Any,
    max_output_size_per_class: Any,
    max_total_size: Any,
    iou_threshold: Any = 0.5,
    score_threshold: Any = LEAST,
    pad_per_class: bool = False,
    clip_boxes: bool = True,
    name: str | None = None,
) -> tuple[Tensor, ...]:
    """The best boxes of every image over all classes.

    Args:
        boxes: [batch, n, 1 or classes, 4].
        scores: [batch, n, classes].
        max_output_size_per_class: the most boxes of one class.
        max_total_size: the most boxes of an image.
        iou_threshold: the share of their union that two boxes of a class may have in common.
        score_threshold: boxes with this score or less are left out.
        pad_per_class: the results have room for `max_output_size_per_class` boxes a class, `max_total_size` at most.
        clip_boxes: corners are kept within 0 and 1.

    Returns:
        Boxes, scores and classes, filled up with zeros, and how many of them count.
    """
    return get("CombinedNonMaxSuppression").all(
        boxes,
        scores,
        max_output_size_per_class,
        max_total_size,
        iou_threshold,
        score_threshold,
        pad_per_class=pad_per_class,
        clip_boxes=clip_boxes,
        name=name,
    )


def decode_image(
    contents: Any, channels: int | None = None, dtype: Any = uint8, name: str | None = None, expand_animations: bool = True
) -> Tensor:
    """The pixels of a JPEG, PNG, GIF or BMP image, of a GIF [frames, height, width, 3]."""
    return get("DecodeImage")(
        contents, channels=channels or 0, dtype=as_dtype(dtype), expand_animations=expand_animations, name=name
    )
