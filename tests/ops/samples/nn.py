"""Samples of neural-network ops."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from headrace.core.dtypes import int32
from tests.ops.harness import Sample

RANDOM = np.random.RandomState(7)


def f32(*shape: int, low: float = -2.0, high: float = 2.0) -> np.ndarray[Any, Any]:
    """Random float32 numbers."""
    return RANDOM.uniform(low, high, shape).astype(np.float32)


def distinct(*shape: int) -> np.ndarray[Any, Any]:
    """Numbers far enough apart that pooling has no near ties."""
    return RANDOM.permutation(int(np.prod(shape))).reshape(shape).astype(np.float32)


BF16 = ml_dtypes.bfloat16
WHOLE = np.float32([-7.5, -2.5, -0.5, 0.5, 2.5, 7.5])

ACTIVATIONS = [
    *[
        Sample(op, (f32(3, 4, low=-8, high=8),))
        for op in ("Relu", "Relu6", "Elu", "Selu", "Softplus", "Softsign", "Softmax", "LogSoftmax")
    ],
    *[Sample(op, (WHOLE.astype(BF16),), numeric=False) for op in ("Relu", "Relu6", "Softplus")],
    Sample("Relu", (np.int32([-2, 0, 3]),), reference=lambda features: np.maximum(features, 0)),
    Sample("LeakyRelu", (f32(3, 4),), {"alpha": 0.3}),
    Sample("ReluGrad", (f32(3, 4), f32(3, 4))),
    Sample("Relu6Grad", (f32(3, 4), f32(3, 4, low=-8, high=8))),
    Sample("LeakyReluGrad", (f32(3, 4), f32(3, 4)), {"alpha": 0.1}),
    Sample("EluGrad", (f32(3, 4), f32(3, 4, low=-0.9, high=2)), oracle_gradient=False),
    Sample("SeluGrad", (f32(3, 4), f32(3, 4, low=-1.5, high=2)), oracle_gradient=False),
    Sample("SoftplusGrad", (f32(3, 4), f32(3, 4)), oracle_gradient=False),
    Sample("SoftsignGrad", (f32(3, 4), f32(3, 4)), oracle_gradient=False),
    Sample("Softmax", (f32(2, 3).astype(np.float16),), numeric=False),
]


def _conv(x: tuple[int, ...], kernel: tuple[int, ...], strides: int = 1, padding: str = "SAME", **attrs: Any) -> list[Sample]:
    """A convolution and both its gradients."""
    steps = [1, strides, strides, 1]
    full: dict[str, Any] = {"strides": steps, "padding": padding, **attrs}
    images, filters = f32(*x), f32(*kernel)
    dilation = attrs.get("dilations", [1, 1, 1, 1])[1]
    reach = (kernel[0] - 1) * dilation + 1, (kernel[1] - 1) * dilation + 1
    if padding == "SAME":
        out = [-(-x[1] // strides), -(-x[2] // strides)]
    else:
        pads = attrs.get("explicit_paddings", [0] * 8)
        out = [(x[i + 1] + pads[2 * i + 2] + pads[2 * i + 3] - reach[i]) // strides + 1 for i in (0, 1)]
    upstream = f32(x[0], *out, kernel[3])
    # TensorFlow's CPU kernels have no gradients of dilated convolutions.
    close: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-4, "oracle_gradient": dilation == 1}
    return [
        Sample("Conv2D", (images, filters), full, **close),
        Sample("Conv2DBackpropInput", (np.int32(x), filters, upstream), full, oracle=dilation == 1, **close),
        Sample("Conv2DBackpropFilter", (images, np.int32(kernel), upstream), full, oracle=dilation == 1, **close),
    ]


CONVOLUTIONS = [
    *_conv((2, 5, 6, 3), (3, 3, 3, 4)),
    *_conv((2, 6, 5, 1), (3, 2, 1, 4), strides=2),
    *_conv((1, 7, 7, 6), (3, 3, 6, 2), strides=2),
    *_conv((1, 7, 6, 5), (3, 3, 5, 2), padding="VALID"),
    *_conv((1, 9, 9, 2), (3, 3, 2, 3), dilations=[1, 2, 2, 1]),
    *_conv((1, 5, 5, 2), (3, 3, 2, 3), padding="EXPLICIT", explicit_paddings=[0, 0, 1, 2, 0, 1, 0, 0]),
    Sample(
        "Conv2D",
        (f32(1, 4, 4, 2).astype(BF16), f32(2, 2, 2, 3).astype(BF16)),
        {"strides": [1, 1, 1, 1], "padding": "SAME"},
        numeric=False,
    ),
    Sample("DepthwiseConv2dNative", (f32(2, 5, 6, 3), f32(3, 3, 3, 2)), {"strides": [1, 1, 1, 1], "padding": "SAME"}, atol=1e-4),
    Sample("DepthwiseConv2dNative", (f32(1, 7, 7, 2), f32(3, 3, 2, 1)), {"strides": [1, 2, 2, 1], "padding": "VALID"}, atol=1e-4),
    Sample("Conv3D", (f32(1, 4, 5, 4, 2), f32(2, 3, 2, 2, 3)), {"strides": [1, 1, 1, 1, 1], "padding": "SAME"}, atol=1e-4),
    Sample("BiasAdd", (f32(2, 3, 4), f32(4))),
    Sample("BiasAdd", (f32(2, 4, 3, 3), f32(4)), {"data_format": "NCHW"}),
    Sample("BiasAddGrad", (f32(2, 3, 4),), rtol=1e-4),
    Sample("BiasAddGrad", (f32(2, 4, 3, 3),), {"data_format": "NCHW"}, rtol=1e-4, oracle_gradient=False),
]


def _pool(op: str, shape: tuple[int, ...], size: int, strides: int, padding: str) -> Sample:
    full = {"ksize": [1, size, size, 1], "strides": [1, strides, strides, 1], "padding": padding}
    return Sample(op, (distinct(*shape) if op == "MaxPool" else f32(*shape),), full, rtol=1e-4)


TIES = np.float32([[1, 1, 0, 2], [1, 1, 2, 2], [0, 0, 3, 3], [0, 0, 3, 3]]).reshape(1, 4, 4, 1)
TILES = {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "SAME"}

POOLING = [
    *[
        _pool(op, (2, 6, 7, 3), size, strides, padding)
        for op in ("MaxPool", "AvgPool")
        for size, strides, padding in ((2, 2, "SAME"), (2, 2, "VALID"), (3, 2, "SAME"), (3, 1, "VALID"))
    ],
    _pool("MaxPool", (2, 6, 8, 3), 2, 2, "SAME"),
    Sample("MaxPoolGrad", (TIES, np.float32([1, 2, 0, 3]).reshape(1, 2, 2, 1), f32(1, 2, 2, 1)), TILES, gradient=False),
    Sample("AvgPoolGrad", (np.int32([1, 4, 4, 2]), f32(1, 2, 2, 2)), TILES),
]


def _normalized(x: Any, scale: Any, offset: Any, mean: Any, variance: Any, **attrs: Any) -> tuple[Any, ...]:
    """Batch normalization by numpy; TensorFlow's CPU kernel leaves its reserve spaces without a meaning in part."""
    used, running = (mean, variance), (mean, variance)
    if attrs["is_training"]:
        used = x.mean((0, 1, 2)), x.var((0, 1, 2))
        factor, count = attrs.get("exponential_avg_factor", 1.0), x.size / x.shape[-1]
        fresh = used[0], used[1] * count / (count - 1)
        running = fresh if factor == 1.0 else ((1 - factor) * mean + factor * fresh[0], (1 - factor) * variance + factor * fresh[1])
    y = (x - used[0]) / np.sqrt(used[1] + attrs.get("epsilon", 0.0001)) * scale + offset
    return y, *running, *used, np.zeros((0,))


def _batch_norm(is_training: bool, **attrs: Any) -> Sample:
    moments = (f32(5), f32(5, low=0.5)) if not is_training or "exponential_avg_factor" in attrs else (EMPTY, EMPTY)
    inputs = (f32(3, 4, 4, 5), f32(5, low=0.5), f32(5), *moments)
    full = {"is_training": is_training, **attrs}
    return Sample("FusedBatchNormV3", inputs, full, reference=_normalized, oracle=False, rtol=1e-4, atol=1e-4)


EMPTY = np.zeros((0,), np.float32)
NORMALIZATION = [
    _batch_norm(True, epsilon=0.01),
    _batch_norm(True, exponential_avg_factor=0.75),
    _batch_norm(False, epsilon=0.001),
    Sample(
        "FusedBatchNormGradV3",
        (f32(3, 4, 4, 5), f32(3, 4, 4, 5), f32(5), f32(5), f32(5, low=0.5), EMPTY),
        {"is_training": False},
        rtol=1e-3,
        atol=1e-3,
        gradient=False,
    ),
    Sample("L2Loss", (f32(3, 4),)),
]


def _fused(name: str, inputs: tuple[Any, ...], fused_ops: list[str], reference: Any, **attrs: Any) -> Sample:
    full = {"fused_ops": fused_ops, **attrs}
    return Sample(name, inputs, full, reference=reference, oracle=False, gradient=False, rtol=1e-4, atol=1e-4)


def _relu_product(a: Any, b: Any, args: Any, **_: Any) -> Any:
    return np.maximum(a @ b + args[0], 0)


def _pointwise(x: Any, kernel: Any, args: Any, host_args: Any, **_: Any) -> Any:
    scale, offset, mean, variance = args
    return np.maximum((x @ kernel[0, 0] - mean) / np.sqrt(variance + 0.001) * scale + offset, 0)


def _attention(query: Any, key: Any, value: Any, bias: Any, mask: Any, *, scale: float, fill: float, **_: Any) -> Any:
    scores = np.where(mask[0], query @ key.swapaxes(-1, -2) * scale + bias[0], fill)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True) @ value


def _layer_norm(x: Any, args: Any, *, epsilon: float, **_: Any) -> Any:
    scale, offset = args
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon) * scale + offset


FUSED = [
    _fused("_FusedMatMul", (f32(3, 4), f32(4, 5), [f32(5)]), ["BiasAdd", "Relu"], _relu_product),
    _fused(
        "_FusedConv2D",
        (f32(1, 3, 3, 6), f32(1, 1, 6, 4), [f32(4), f32(4), f32(4), f32(4, low=0.5)], []),
        ["FusedBatchNorm", "Relu"],
        _pointwise,
        num_args=4,
        strides=[1, 1, 1, 1],
        padding="SAME",
        epsilon=0.001,
    ),
    Sample(
        "_FusedAttention",
        (f32(2, 3, 4, 8), f32(2, 3, 5, 8), f32(2, 3, 5, 6), [f32(4, 5)], [np.array([[True, True, False, True, False]])]),
        {"scale": 0.25, "fill": -1e9},
        reference=_attention,
        oracle=False,
        gradient=False,  # made after gradients are
        rtol=1e-4,
        atol=1e-4,
    ),
    Sample(
        "_FusedLayerNorm",
        (f32(2, 3, 8), [f32(8), f32(8)]),
        {"axes": (-1,), "epsilon": 0.01, "has_scale": True},
        reference=_layer_norm,
        oracle=False,
        rtol=1e-4,
        atol=1e-4,
    ),
]

LABELS = RANDOM.dirichlet(np.ones(4), 3).astype(np.float32)
LOSSES = [
    Sample("SoftmaxCrossEntropyWithLogits", (f32(3, 4), LABELS), rtol=1e-4, oracle_gradient=False),
    Sample("SparseSoftmaxCrossEntropyWithLogits", (f32(3, 4), np.int32([0, 3, 1])), rtol=1e-4, oracle_gradient=False),
    Sample("SparseSoftmaxCrossEntropyWithLogits", (f32(3, 4), np.int64([2, 2, 0])), rtol=1e-4, oracle_gradient=False),
]

VALUES = np.float32([[0.1, 0.9, 0.3], [0.5, 0.5, 0.1], [np.nan, 0.1, 0.2], [0.1, 0.2, 0.3]])
RANKING = [
    Sample("InTopKV2", (VALUES, np.int32([2, 1, 1, 0]), np.int32(2))),
    Sample("InTopKV2", (VALUES, np.int64([1, 0, 1, 5]), np.int64(1))),
    Sample("InTopK", (VALUES, np.int32([2, 1, 1, -1])), {"k": 3}),
]


def _triple(op: str, backprop: str, shapes: list[tuple[int, ...]], attrs: dict[str, Any]) -> list[Sample]:
    """A convolution of other ranks and both its gradients."""
    images, filters, upstream = (f32(*shape) for shape in shapes)
    suffix = "V2" if op == "Conv3D" else ""
    close: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-4}
    return [
        Sample(op, (images, filters), attrs, **close),
        Sample(f"{backprop}Input{suffix}", (np.int32(shapes[0]), filters, upstream), attrs, **close),
        Sample(f"{backprop}Filter{suffix}", (images, np.int32(shapes[1]), upstream), attrs, **close),
    ]


OTHER_CONVOLUTIONS = [
    *_triple(
        "Conv3D",
        "Conv3DBackprop",
        [(1, 4, 5, 4, 2), (2, 3, 2, 2, 3), (1, 2, 3, 2, 3)],
        {"strides": [1, 2, 2, 2, 1], "padding": "SAME"},
    ),
    *_triple(
        "DepthwiseConv2dNative",
        "DepthwiseConv2dNativeBackprop",
        [(2, 5, 6, 3), (3, 2, 3, 2), (2, 3, 3, 6)],
        {"strides": [1, 2, 2, 1], "padding": "SAME"},
    ),
    *_triple(
        "DepthwiseConv2dNative",
        "DepthwiseConv2dNativeBackprop",
        [(1, 5, 5, 2), (3, 3, 2, 1), (1, 5, 6, 2)],
        {"strides": [1, 1, 1, 1], "padding": "EXPLICIT", "explicit_paddings": [0, 0, 1, 1, 2, 1, 0, 0]},
    ),
    # Groups, and channels first: TensorFlow's CPU kernels have neither gradient nor, in part, the op.
    Sample(
        "Conv2D", (f32(1, 5, 5, 4), f32(3, 3, 2, 6)), {"strides": [1, 1, 1, 1], "padding": "SAME"}, atol=1e-4, oracle_gradient=False
    ),
    Sample(
        "Conv2D",
        (f32(2, 3, 6, 5), f32(3, 3, 3, 4)),
        {"strides": [1, 1, 2, 2], "padding": "SAME", "data_format": "NCHW"},
        oracle=False,
    ),
    Sample(
        "DepthwiseConv2dNative",
        (f32(1, 3, 5, 5), f32(3, 3, 3, 2)),
        {"strides": [1, 1, 1, 1], "padding": "VALID", "data_format": "NCHW"},
        oracle=False,
    ),
    *[
        Sample(
            "Conv2D",
            (f32(1, 4, 4, 2).astype(dtype), f32(2, 2, 2, 3).astype(dtype)),
            {"strides": [1, 1, 1, 1], "padding": "SAME"},
            numeric=False,
            rtol=1e-2 if dtype is np.float16 else None,
            atol=1e-2 if dtype is np.float16 else None,
        )
        for dtype in (np.float16, np.float64)
    ],
    Sample("BiasAddV1", (f32(2, 3, 4), f32(4))),
]


def _cube_max(x: Any) -> Any:
    """The largest of each 2 x 2 x 2 block."""
    n, d, h, w, c = x.shape
    return x.reshape(n, d // 2, 2, h // 2, 2, w // 2, 2, c).max((2, 4, 6))


def _square_max(x: Any) -> Any:
    """The largest of each 2 x 2 block."""
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))


CUBE = {"ksize": [1, 2, 2, 2, 1], "strides": [1, 2, 2, 2, 1], "padding": "SAME"}
OVERLAP = {"ksize": [1, 3, 3, 1], "strides": [1, 1, 1, 1], "padding": "SAME"}
WINDOW = np.int32([1, 3, 2, 1]), np.int32([1, 2, 2, 1])
BLOCKS = f32(1, 2, 3, 2, 2)
OTHER_POOLING = [
    Sample("MaxPool3D", (distinct(1, 4, 5, 4, 2),), CUBE),
    Sample("AvgPool3D", (f32(1, 4, 5, 4, 2),), CUBE, rtol=1e-4),
    Sample("MaxPool3DGrad", (CELLS := distinct(1, 4, 6, 4, 2), _cube_max(CELLS), BLOCKS), CUBE, gradient=False),
    Sample("AvgPool3DGrad", (np.int32([1, 4, 5, 4, 2]), BLOCKS), CUBE),
    Sample("MaxPoolV2", (distinct(2, 6, 5, 2), *WINDOW), {"padding": "SAME"}),
    Sample(
        "MaxPoolGradV2",
        (TIES, TIES[:, :2, :2], f32(1, 2, 2, 1), [1, 2, 2, 1], [1, 2, 2, 1]),
        {"padding": "VALID"},
        oracle=False,
        gradient=False,
    ),
    Sample("MaxPool", (TIES,), OVERLAP, numeric=False),
    Sample("MaxPool", (f32(1, 5, 5, 2).astype(BF16),), OVERLAP, numeric=False),
    Sample(
        "MaxPool",
        (distinct(1, 5, 5, 2),),
        OVERLAP | {"padding": "EXPLICIT", "explicit_paddings": [0, 0, 1, 0, 0, 1, 0, 0]},
        oracle_gradient=False,
    ),
    Sample("AvgPool", (f32(1, 5, 5, 2).astype(BF16),), OVERLAP, numeric=False),
    Sample(
        "AvgPool",
        (f32(1, 2, 5, 5),),
        {"ksize": [1, 1, 2, 2], "strides": [1, 1, 2, 2], "padding": "SAME", "data_format": "NCHW"},
        oracle=False,
    ),
]
PLACES = np.int64([[[[6], [4]], [[10], [11]]], [[[1], [7]], [[8], [15]]]])
STEPS = {"ksize": [1, 3, 2, 1], "strides": [1, 2, 2, 1], "padding": "SAME"}
ARGMAX_POOLING = [
    *[
        Sample("MaxPoolWithArgmax", (distinct(2, 5, 6, 3),), OVERLAP | {"padding": padding, "include_batch_in_index": batch})
        for padding in ("SAME", "VALID")
        for batch in (False, True)
    ],
    Sample("MaxPoolWithArgmax", (TIES,), STEPS | {"Targmax": int32}, gradient=False),
    Sample("MaxPoolWithArgmax", (np.full((1, 3, 3, 1), -np.inf, np.float32),), OVERLAP, gradient=False),
    Sample("MaxPoolWithArgmax", (np.int32(distinct(1, 4, 4, 2)),), TILES),
    Sample("MaxPoolGradWithArgmax", (f32(2, 4, 4, 1), f32(2, 2, 2, 1), PLACES), TILES),
    Sample(
        "MaxPoolGradWithArgmax",
        (f32(2, 4, 4, 1), f32(2, 2, 2, 1), PLACES + np.int64([0, 16]).reshape(2, 1, 1, 1)),
        TILES | {"include_batch_in_index": True},
    ),
    Sample(  # TensorFlow has this op on GPUs only.
        "MaxPoolGradGradWithArgmax",
        (f32(2, 4, 4, 1), f32(2, 4, 4, 1), PLACES),
        TILES,
        reference=lambda input, grad, argmax, **_: np.take_along_axis(grad.reshape(2, 16), argmax.reshape(2, 4), 1).reshape(
            2, 2, 2, 1
        ),
        oracle=False,
    ),
    # TensorFlow's kernel wants the true output, and has no third gradient.
    Sample(
        "MaxPoolGradGrad", (SQUARES := distinct(2, 4, 6, 2), _square_max(SQUARES), f32(2, 4, 6, 2)), TILES, oracle_gradient=False
    ),
    Sample(
        "MaxPoolGradGradV2",
        (SQUARES, _square_max(SQUARES), f32(2, 4, 6, 2), [1, 2, 2, 1], [1, 2, 2, 1]),
        {"padding": "VALID"},
        oracle_gradient=False,
    ),
    Sample("MaxPool3DGradGrad", (CELLS, _cube_max(CELLS), f32(1, 4, 6, 4, 2)), CUBE, oracle_gradient=False),
]
SEEDS = {"deterministic": True, "seed": 5, "seed2": 11}
RATIOS = {"pooling_ratio": [1.0, 1.44, 2.6, 1.0]}
BORDERS = np.int64([0, 2, 3, 5]), np.int64([0, 1, 4])
FRACTIONAL = [
    *[
        Sample(f"Fractional{kind}Pool", (distinct(2, 10, 13, 2),), RATIOS | SEEDS | {"pseudo_random": p, "overlapping": o})
        for kind in ("Max", "Avg")
        for p, o in ((False, False), (True, False), (False, True), (True, True))
    ],
    Sample("FractionalAvgPool", (np.int32(-distinct(1, 7, 8, 2)),), {"pooling_ratio": [1.0, 1.5, 2.0, 1.0]} | SEEDS),
    Sample(
        "FractionalMaxPoolGrad",
        (
            np.float32([[1, 1, 2, 0], [0, 1, 2, 2], [3, 4, 4, 4], [6, 7, 1, 0], [7, 7, 2, 3]]).reshape(1, 5, 4, 1),
            np.float32([[1, 2], [3, 4], [7, 7]]).reshape(1, 3, 2, 1),
            f32(1, 3, 2, 1),
            *BORDERS,
        ),
        gradient=False,
    ),
    Sample("FractionalAvgPoolGrad", (np.int64([2, 5, 4, 3]), f32(2, 3, 2, 3), *BORDERS), oracle_gradient=False),
    Sample(
        "FractionalAvgPoolGrad", (np.int64([2, 5, 4, 3]), f32(2, 3, 2, 3), *BORDERS), {"overlapping": True}, oracle_gradient=False
    ),
]
OLDER = {"epsilon": 0.01}
MOMENTS = f32(5), f32(5, low=0.5)
OTHER_NORMALIZATION = [
    Sample("LRN", (f32(1, 3, 2, 7),), {"depth_radius": 2, "alpha": 0.3, "beta": 0.75}, rtol=1e-4),
    Sample("LRN", (f32(1, 3, 2, 7),), rtol=1e-4),
    Sample("LRNGrad", (f32(1, 2, 2, 7), f32(1, 2, 2, 7), f32(1, 2, 2, 7)), {"depth_radius": 2}, oracle=False, gradient=False),
    *[
        Sample(
            op,
            (f32(3, 4, 4, 5), f32(5, low=0.5), f32(5), *moments),
            OLDER | {"is_training": training},
            # Outside training TensorFlow leaves the statistics it returns unset.
            oracle=training,
            rtol=1e-3,
            atol=1e-4,
        )
        for op in ("FusedBatchNorm", "FusedBatchNormV2")
        for training, moments in ((True, (EMPTY, EMPTY)), (False, MOMENTS))
    ],
    *[
        Sample(
            op, (f32(2, 3, 3, 5), f32(2, 3, 3, 5), f32(5), *MOMENTS), {"is_training": False}, rtol=1e-3, atol=1e-3, gradient=False
        )
        for op in ("FusedBatchNormGrad", "FusedBatchNormGradV2")
    ],
    Sample(
        "FusedBatchNormV3",
        (f32(2, 2, 3, 2, 5), f32(5, low=0.5), f32(5), *MOMENTS),
        {"is_training": False, "data_format": "NDHWC"},
        oracle=False,
        rtol=1e-3,
        atol=1e-3,
    ),
    Sample("FusedBatchNormV3", (f32(3, 2, 3, 5).astype(BF16), f32(5, low=0.5), f32(5), EMPTY, EMPTY), oracle=False, numeric=False),
]
MORPH = {"strides": [1, 2, 1, 1], "rates": [1, 1, 2, 1], "padding": "SAME"}
DILATION = [
    Sample("Dilation2D", (f32(2, 5, 6, 2), f32(2, 3, 2)), MORPH),
    Sample("Dilation2D", (f32(1, 5, 6, 2), f32(3, 2, 2)), MORPH | {"padding": "VALID"}),
    Sample("Dilation2D", (np.int32(distinct(1, 4, 4, 2)), np.int32(distinct(2, 2, 2))), MORPH),
    Sample("Dilation2DBackpropInput", (f32(2, 5, 6, 2), f32(2, 3, 2), f32(2, 3, 6, 2)), MORPH),
    Sample("Dilation2DBackpropFilter", (f32(2, 5, 6, 2), f32(2, 3, 2), f32(2, 3, 6, 2)), MORPH),
]

_CTC = (f32(5, 2, 4), np.int64([[0, 0], [0, 1], [1, 0]]), np.int32([1, 1, 2]), np.int32([5, 4]))
CTC = [
    Sample("CTCLoss", _CTC, rtol=1e-4, atol=1e-4, numeric=False),
    Sample("CTCLoss", _CTC, {"ctc_merge_repeated": False}, rtol=1e-4, atol=1e-4, numeric=False),
    Sample("CTCLoss", _CTC, {"preprocess_collapse_repeated": True}, rtol=1e-4, atol=1e-4, numeric=False),
    Sample("CTCLossV2", _CTC, rtol=1e-4, atol=1e-4, numeric=False, oracle=False),
    Sample(
        "_CTCLossDense",
        (f32(5, 2, 4).astype(np.float64), np.int32([[1, 1], [2, 0]]), np.int32([5, 4]), np.int32([2, 1])),
        {"blank_index": 0},
        oracle=False,
        numeric=False,
    ),
    Sample("CTCGreedyDecoder", (_CTC[0], _CTC[3]), {"merge_repeated": True}),
    Sample("CTCGreedyDecoder", (_CTC[0].astype(np.float64), _CTC[3]), {"blank_index": 0}),
    Sample("CTCBeamSearchDecoder", (_CTC[0], _CTC[3]), {"beam_width": 30, "top_paths": 2}, rtol=1e-4, atol=1e-4),
]

SAMPLES = [
    *CTC,
    *ACTIVATIONS,
    *CONVOLUTIONS,
    *POOLING,
    *NORMALIZATION,
    *FUSED,
    *LOSSES,
    *RANKING,
    *OTHER_CONVOLUTIONS,
    *OTHER_POOLING,
    *ARGMAX_POOLING,
    *FRACTIONAL,
    *OTHER_NORMALIZATION,
    *DILATION,
]
