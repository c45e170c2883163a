"""Samples of quantization ops."""

from __future__ import annotations

from typing import Any

import numpy as np

import headrace as tf
from headrace.core.dtypes import bfloat16, qint8, qint16, qint32, quint8, quint16
from tests.ops.harness import Sample

RANDOM = np.random.RandomState(3)
X = RANDOM.uniform(-9, 9, (3, 5)).astype(np.float32)
G = RANDOM.uniform(-1, 1, (3, 5)).astype(np.float32)
LOW, HIGH = np.float32(-3.7), np.float32(5.2)
LOWS, HIGHS = np.float32([-1, -6.3, 0, 0.5, -8]), np.float32([1, 2.9, 7, 6, -0.3])
OPTIONS = ({}, {"num_bits": 4, "narrow_range": True})
GIVEN = {"axis": 1, "range_given": True}


def _by_channel(input: Any, input_min: Any, input_max: Any, **_: Any) -> Any:
    """Eight bits over the range of each channel."""
    steps = np.maximum(input_min / -128, input_max / 127)
    return np.clip(np.rint(np.clip(input, -128 * steps, 127 * steps) / steps), -128, 127) * steps


def _real(input: Any, min_range: Any, max_range: Any, *, mode: str = "MIN_COMBINED", narrow_range: bool = False, **_: Any) -> Any:
    """What integers stand for, in float64."""
    info = np.iinfo(input.dtype)
    if mode == "SCALED":
        least = int(info.min) + narrow_range
        return input * max(max_range / info.max, min_range / least if least else 0.0)
    step = (float(max_range) - float(min_range)) / (float(info.max) - float(info.min))
    start = np.round(min_range / step) * step if mode == "MIN_FIRST" else min_range
    return (input.astype(np.float64) - info.min) * step + start


def _integers(*values: int, dtype: Any) -> Any:
    return tf.constant(np.array(values), dtype)


SHORT = (qint8, quint8, qint16, quint16)
INTEGERS = [
    *[
        Sample("QuantizeV2", (X, LOW, HIGH), {"T": kind, "mode": mode, **o}, gradient=False)
        for kind in SHORT
        for mode, o in (
            ("MIN_COMBINED", {}),
            ("MIN_FIRST", {}),
            ("SCALED", {"round_mode": "HALF_TO_EVEN"}),
            ("SCALED", {"narrow_range": True}),
        )
    ],
    Sample("QuantizeV2", (X / 9, LOW, HIGH), {"T": qint32, "mode": "SCALED"}, gradient=False),
    Sample("QuantizeV2", (X, np.float32(1.0), np.float32(1.001)), {"T": quint8, "ensure_minimum_range": 0.5}, gradient=False),
    Sample("QuantizeV2", (X, np.minimum(LOWS, 0), np.maximum(HIGHS, 1)), {"T": qint8, "axis": 1, "mode": "SCALED"}, gradient=False),
    # What TensorFlow's peer is given are arrays, which do not carry these dtypes; tests/public compares both ways.
    *[
        Sample("Dequantize", (_integers(3, 0, 127, 100, dtype=kind), LOW, HIGH), attrs, reference=_real, oracle=False)
        for kind in SHORT
        for attrs in ({}, {"mode": "MIN_FIRST"}, {"mode": "SCALED"}, {"mode": "SCALED", "narrow_range": True})
    ],
    Sample("Dequantize", (_integers(3, -9, dtype=qint8), LOW, HIGH), {"dtype": bfloat16}, reference=_real, oracle=False),
]

SAMPLES = [
    *INTEGERS,
    # Rounding has no slope, so that the straight-through gradients are not those of finite differences.
    *[Sample("FakeQuantWithMinMaxArgs", (X,), {"min": -4.0, "max": 6.5, **o}, numeric=False) for o in OPTIONS],
    *[Sample("FakeQuantWithMinMaxVars", (X, LOW, HIGH), o, numeric=False) for o in OPTIONS],
    Sample("FakeQuantWithMinMaxVars", (X, np.float32(0), np.float32(0)), numeric=False),
    *[Sample("FakeQuantWithMinMaxVarsPerChannel", (X, LOWS, HIGHS), o, numeric=False) for o in OPTIONS],
    Sample("FakeQuantWithMinMaxArgsGradient", (G, X), oracle_gradient=False, numeric=False),
    Sample("FakeQuantWithMinMaxVarsGradient", (G, X, LOW, HIGH), oracle_gradient=False, numeric=False),
    Sample("FakeQuantWithMinMaxVarsPerChannelGradient", (G, X, LOWS, HIGHS), oracle_gradient=False, numeric=False),
    *[
        Sample(op, (X, LOW, HIGH), {"range_given": given, **o}, numeric=False)
        for op in ("QuantizeAndDequantizeV2", "QuantizeAndDequantizeV4")
        for given in (False, True)
        for o in (*OPTIONS, {"round_mode": "HALF_UP", "num_bits": 5}, {"signed_input": False})
    ],
    # TensorFlow's kernels refuse a range given for each channel.
    *[
        Sample("QuantizeAndDequantizeV2", (X, LOWS, HIGHS), {"axis": 1}, numeric=False),
        Sample("QuantizeAndDequantizeV4", (X, LOWS, HIGHS), {"axis": 1, "narrow_range": True}, numeric=False),
        Sample("QuantizeAndDequantizeV2", (X, LOWS, HIGHS), GIVEN, reference=_by_channel, oracle=False, numeric=False),
    ],
    Sample("QuantizeAndDequantizeV2", (X * 0, LOW, HIGH), numeric=False),
    *[
        Sample("QuantizeAndDequantizeV3", (X, LOW, HIGH, np.int32(bits)), {"range_given": given}, numeric=False)
        for bits, given in ((8, True), (3, False))
    ],
    Sample("QuantizeAndDequantizeV4Grad", (G, X, LOW, HIGH), oracle_gradient=False, numeric=False),
    Sample("QuantizeAndDequantizeV4Grad", (G, X, LOWS, HIGHS), {"axis": 1}, oracle_gradient=False, numeric=False),
]
