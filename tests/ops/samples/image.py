"""Samples of image ops."""

from __future__ import annotations

import io
from typing import Any

import ml_dtypes
import numpy as np
from PIL import Image

from headrace.core import dtypes
from tests.ops.harness import Sample

RANDOM = np.random.RandomState(23)
BF16 = ml_dtypes.bfloat16


def f32(*shape: int, low: float = 0.0, high: float = 1.0) -> np.ndarray[Any, Any]:
    """Random float32 numbers."""
    return RANDOM.uniform(low, high, shape).astype(np.float32)


def u8(*shape: int) -> np.ndarray[Any, Any]:
    """Random bytes."""
    return RANDOM.randint(0, 256, shape).astype(np.uint8)


SIZES = [[3, 9], [11, 1]]
OPTIONS: list[dict[str, Any]] = [{}, {"align_corners": True}, {"half_pixel_centers": True}]
# Outputs are float32 whatever the input, too coarse for finite differences; TensorFlow's gradients are compared with instead.
RESIZING = [
    *[
        Sample(op, (f32(2, 5, 7, 3), np.int32(size)), options, numeric=op == "ResizeNearestNeighbor", atol=1e-5)
        for op in ("ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic")
        for size in SIZES
        for options in OPTIONS
    ],
    *[
        Sample(
            op, (u8(1, 6, 5, 1).astype(dtype), np.int32([4, 8])), numeric=False, gradient=op != "ResizeArea", rtol=1e-4, atol=1e-4
        )
        for op in ("ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic", "ResizeArea")
        for dtype in (np.uint8, np.int32, np.float16, np.float64)
    ],
    Sample("ResizeBilinear", (f32(1, 4, 4, 2).astype(BF16), np.int32([7, 3])), numeric=False),
    *[
        Sample("ResizeArea", (f32(2, 5, 7, 3), np.int32(size)), options, numeric=False, oracle_gradient=False)
        for size in SIZES
        for options in OPTIONS[:2]
    ],
    *[
        Sample(op, (f32(2, 11, 9, 3), f32(2, 5, 7, 3)), options, numeric=False, oracle_gradient=False, atol=1e-5)
        for op in ("ResizeBilinearGrad", "ResizeBicubicGrad")
        for options in OPTIONS
    ],
    Sample("ResizeBilinearGrad", (f32(1, 3, 3, 1), f32(1, 5, 4, 1).astype(np.float16)), numeric=False, oracle_gradient=False),
    *[
        Sample("ResizeNearestNeighborGrad", (f32(2, 3, 9, 3), np.int32([5, 7])), options, oracle_gradient=False)
        for options in OPTIONS
    ],
    Sample("ResizeNearestNeighborGrad", (np.int32(u8(1, 4, 4, 1)), np.int32([2, 3]))),
]

KERNELS = ("lanczos1", "lanczos3", "lanczos5", "gaussian", "box", "triangle", "keyscubic", "mitchellcubic")
SCALING = [
    *[
        Sample(
            "ScaleAndTranslate",
            (f32(2, 7, 5, 2), np.int32(size), np.float32(scale), np.float32([0.31, -0.57])),
            {"kernel_type": kernel, "antialias": antialias},
            numeric=False,
            atol=1e-5,
        )
        for kernel in KERNELS
        for antialias in (True, False)
        for size, scale in (([4, 8], [0.55, 1.7]), ([9, 3], [1.31, 0.43]))
    ],
    Sample("ScaleAndTranslate", (u8(1, 4, 4, 1), np.int32([3, 3]), np.float32([0.75, 0.75]), np.float32([0, 0])), atol=1e-3),
    Sample(
        "ScaleAndTranslateGrad",
        (f32(2, 4, 8, 2), f32(2, 7, 5, 2), np.float32([0.5, 1.5]), np.float32([0.0, 0.5])),
        oracle_gradient=False,
        numeric=False,
        atol=1e-5,
    ),
]

BOXES = np.float32([[0.113, 0.157, 0.707, 0.829], [-0.233, 0.311, 1.171, 0.893], [0.917, 0.811, 0.213, 0.109]])
WHICH = np.int32([0, 1, 1])
CROPPING = [
    *[
        Sample(
            "CropAndResize",
            (f32(2, 6, 8, 3), BOXES, WHICH, np.int32(size)),
            {"method": method, "extrapolation_value": 0.25},
            numeric=False,
            gradient=method == "bilinear",
            rtol=1e-4,
            atol=1e-4,
        )
        for size in ([3, 4], [1, 5], [7, 1])
        for method in ("bilinear", "nearest")
    ],
    Sample("CropAndResize", (u8(2, 6, 8, 1), BOXES, WHICH, np.int32([2, 2])), numeric=False, rtol=1e-4, atol=2e-2),
    *[
        Sample(
            "CropAndResizeGradImage",
            (f32(3, 4, 5, 2), BOXES, WHICH, np.int32([2, 6, 8, 2])),
            {"T": dtype, "method": method},
            numeric=False,
            oracle_gradient=False,
            rtol=1e-3,
            atol=1e-4 if dtype.size > 2 else 1e-2,
        )
        for method in ("bilinear", "nearest")
        for dtype in (dtypes.float32, dtypes.float64, dtypes.float16)
    ],
    Sample("CropAndResizeGradBoxes", (f32(3, 4, 5, 2), f32(2, 6, 8, 2), BOXES, WHICH), rtol=1e-4, atol=1e-3),
]


RGB = f32(2, 3, 4, 3)
HALF = f32(2, 3, 3).astype(np.float16)
GREY = np.float32([[[0.5, 0.5, 0.5], [0.0, 0.0, 0.0], [0.2, 0.7, 0.7]]])
COLOUR = [
    *[Sample(op, (x,), numeric=x is RGB, rtol=2e-3 if x is HALF else None) for op in ("RGBToHSV",) for x in (RGB, HALF)],
    *[Sample("HSVToRGB", (x,), numeric=x is RGB, oracle_gradient=False, rtol=2e-3 if x is HALF else None) for x in (RGB, HALF)],
    Sample("RGBToHSV", (GREY,), gradient=False),
    Sample("RGBToHSV", (RGB.astype(BF16),), gradient=False, atol=2e-2),
    *[
        Sample(op, (RGB, np.float32(amount)), numeric=False)
        for op in ("AdjustContrastv2", "AdjustHue", "AdjustSaturation")
        for amount in (-0.3, 0.4, 1.8)
        if op != "AdjustSaturation" or amount > 0
    ],
    *[
        Sample(op, (HALF, np.float32(0.7)), gradient=False, oracle=False)
        for op in ("AdjustContrastv2", "AdjustHue", "AdjustSaturation")
    ],
]


def _corners(*shape: int) -> np.ndarray[Any, Any]:
    """Random boxes with corners in either order."""
    return f32(*shape, 4)


MANY, SCORES = _corners(40), f32(40)
MANY[::3] = MANY[1::3].repeat(2, 0)[: len(MANY[::3])] + f32(len(MANY[::3]), 4, high=0.1)
THRESHOLD = np.float32(0.4), np.float32(0.3)
SUPPRESSION = [
    Sample("NonMaxSuppression", (MANY, SCORES, np.int32(12)), {"iou_threshold": 0.3}),
    Sample("NonMaxSuppressionV2", (MANY, SCORES, np.int32(50), np.float32(0.2))),
    Sample("NonMaxSuppressionV3", (MANY, SCORES, np.int32(50), *THRESHOLD)),
    Sample("NonMaxSuppressionV3", (MANY, SCORES, np.int32(3), *THRESHOLD)),
    Sample("NonMaxSuppressionV3", (np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.int32(3), *THRESHOLD)),
    *[
        Sample("NonMaxSuppressionV4", (MANY, SCORES, np.int32(35), *THRESHOLD), {"pad_to_max_output_size": pad})
        for pad in (False, True)
    ],
    *[
        Sample("NonMaxSuppressionV5", (MANY, SCORES, np.int32(35), *THRESHOLD, np.float32(s)), {"pad_to_max_output_size": s > 0.4})
        for s in (0.0, 0.3, 0.5)
    ],
    Sample("NonMaxSuppressionWithOverlaps", (f32(9, 9), f32(9), np.int32(5), np.float32(0.6), np.float32(0.1))),
    *[
        Sample(
            "CombinedNonMaxSuppression",
            (_corners(2, 12, classes), f32(2, 12, 3), np.int32(4), np.int32(20), *THRESHOLD),
            {"pad_per_class": classes == 1, "clip_boxes": classes != 1},
        )
        for classes in (1, 3)
    ],
]

EDGES = np.float32(
    [[[0.12, 0.2, 0.63, 0.91], [-0.4, 0.3, 0.55, 1.3], [0.7, 0.1, 0.2, 0.4]], [[0, 0, 1, 1], [2, 2, 3, 3], [0.4, 0.4, 0.4, 0.9]]]
)
COLOURS = np.float32([[0.2, 0.4, 0.6, 1.0], [0.9, 0.1, 0.3, 1.0]])
DRAWING = [
    *[Sample("DrawBoundingBoxes", (f32(2, 8, 9, depth), EDGES)) for depth in (1, 3, 4)],
    Sample("DrawBoundingBoxesV2", (f32(2, 8, 9, 3), EDGES, COLOURS)),
    Sample("DrawBoundingBoxesV2", (f32(2, 8, 9, 3), EDGES, np.zeros((0, 3), np.float32))),
]

MOVES = np.float32([[1.13, 0.21, -1.37, -0.17, 0.91, 0.83, 0.011, -0.007], [0.71, -0.43, 2.17, 0.37, 1.29, -4.13, 0.0, 0.0]])
WARPING = [
    *[
        Sample(
            "ImageProjectiveTransformV3",
            (f32(2, 6, 5, 2), MOVES, np.int32([5, 7]), np.float32(0.5)),
            {"interpolation": interpolation, "fill_mode": mode},
            numeric=False,
            oracle_gradient=mode == "CONSTANT",
            rtol=1e-3,
            atol=1e-4,
        )
        for interpolation in ("NEAREST", "BILINEAR")
        for mode in ("CONSTANT", "REFLECT", "WRAP", "NEAREST")
    ],
    Sample(
        "ImageProjectiveTransformV2",
        (f32(2, 6, 5, 2), MOVES[:1], np.int32([6, 5])),
        {"interpolation": "BILINEAR"},
        numeric=False,
        rtol=1e-3,
        atol=1e-4,
    ),
    Sample(
        "ImageProjectiveTransformV3", (u8(1, 5, 5, 1), MOVES[:1], np.int32([5, 5]), np.float32(7)), {"interpolation": "NEAREST"}
    ),
]


def _file(kind: str, array: Any, **options: Any) -> Any:
    """The bytes of an image file."""
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind, **options)
    return np.array(stream.getvalue(), object)


PHOTO = np.uint8(np.add.outer(np.arange(24) * 4, np.arange(32) * 3))
PIXELS = u8(5, 8, 3)
CODECS = [
    Sample("DecodePng", (_file("PNG", PIXELS),), reference=lambda contents: PIXELS),
    Sample("DecodePng", (_file("PNG", PIXELS),), {"channels": 4, "dtype": dtypes.uint16}),
    Sample("DecodeBmp", (_file("BMP", PIXELS),), reference=lambda contents: PIXELS),
    Sample("DecodeGif", (_file("GIF", PIXELS[..., 0]),)),
    Sample("DecodeImage", (_file("BMP", PIXELS),), {"dtype": dtypes.float32}),
    *[
        Sample(op, (_file("JPEG", PHOTO), *more))
        for op, more in (("DecodeJpeg", ()), ("DecodeAndCropJpeg", (np.int32([1, 2, 3, 4]),)))
    ],
    Sample("ExtractJpegShape", (_file("JPEG", PHOTO),), {"output_type": dtypes.int64}),
    Sample("DecodeWebP", (_file("WEBP", PIXELS, lossless=True),), oracle=False, reference=lambda contents: PIXELS[None]),
    # The bytes of encoded files differ between encoders; tests/ops/test_image_public.py decodes them again.
    Sample("EncodePng", (PIXELS,), oracle=False),
    Sample("EncodeJpeg", (PIXELS,), oracle=False),
    Sample("EncodeJpegVariableQuality", (PIXELS, np.int32(70)), oracle=False),
]

POINTS = np.float32([[0.6, 0.4], [-1.2, 2.7], [0.3, -0.6]])
OBJECT = np.float32([[[0.1, 0.2, 0.6, 0.7], [0.0, 0.5, 0.3, 0.5]]])
SAMPLING = [
    *[
        Sample(
            op,
            (f32(3, 6, 8, 2), np.int32([3, 4]), POINTS),
            {"centered": centered, "normalized": normalized, "noise": "zero", "uniform_noise": False},
        )
        for op in ("ExtractGlimpse", "ExtractGlimpseV2")
        for centered in (False, True)
        for normalized in (False, True)
    ],
    *[
        Sample(
            "StatelessSampleDistortedBoundingBox", (np.int32([40, 60, 3]), OBJECT, np.float32(0.3), np.int64([number, 7])), attrs
        )
        for number, attrs in enumerate(
            [
                *[{}] * 6,
                *[{"area_range": [0.1, 0.2], "aspect_ratio_range": [0.9, 1.1]}] * 4,
                {"area_range": [0.9, 1.0], "aspect_ratio_range": [2.9, 3.1]},
                {"area_range": [0.9, 0.2], "max_attempts": 3},
            ]
        )
    ],
    Sample(
        "StatelessSampleDistortedBoundingBox",
        (np.uint8([40, 60, 3]), np.zeros((1, 0, 4), np.float32), np.float32(0.3), np.int64([3, 7])),
        {"use_image_if_no_bounding_boxes": True},
    ),
    Sample(
        "_NonMaxSuppressionOfBatch",
        (np.float32([[[0, 0, 1, 1], [0, 0, 1, 0.9], [0.5, 0.5, 0, 0]]]), np.float32([[0.1, 0.3, 0.2]]), np.int32(4), 0.5, 0.0),
        reference=lambda *_: (np.int32([[1, 2, 0, 0]]), np.int32([2])),
        oracle=False,
    ),
]

SAMPLES = [*RESIZING, *SCALING, *CROPPING, *COLOUR, *SUPPRESSION, *DRAWING, *WARPING, *CODECS, *SAMPLING]
