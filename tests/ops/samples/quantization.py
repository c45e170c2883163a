"""Samples of quantization ops."""

from __future__ import annotations

import numpy as np

from tests.ops.harness import Sample

RANDOM = np.random.RandomState(3)
X = RANDOM.uniform(-9, 9, (3, 5)).astype(np.float32)
G = RANDOM.uniform(-1, 1, (3, 5)).astype(np.float32)
LOW, HIGH = np.float32(-3.7), np.float32(5.2)
LOWS, HIGHS = np.float32([-1, -6.3, 0, 0.5, -8]), np.float32([1, 2.9, 7, 6, -0.3])
OPTIONS = ({}, {"num_bits": 4, "narrow_range": True})

SAMPLES = [
    # Rounding has no slope, so that the straight-through gradients are not those of finite differences.
    *[Sample("FakeQuantWithMinMaxArgs", (X,), {"min": -4.0, "max": 6.5, **o}, numeric=False) for o in OPTIONS],
    *[Sample("FakeQuantWithMinMaxVars", (X, LOW, HIGH), o, numeric=False) for o in OPTIONS],
    Sample("FakeQuantWithMinMaxVars", (X, np.float32(0), np.float32(0)), numeric=False),
    *[Sample("FakeQuantWithMinMaxVarsPerChannel", (X, LOWS, HIGHS), o, numeric=False) for o in OPTIONS],
    Sample("FakeQuantWithMinMaxArgsGradient", (G, X), oracle_gradient=False, numeric=False),
    Sample("FakeQuantWithMinMaxVarsGradient", (G, X, LOW, HIGH), oracle_gradient=False, numeric=False),
    Sample("FakeQuantWithMinMaxVarsPerChannelGradient", (G, X, LOWS, HIGHS), oracle_gradient=False, numeric=False),
]
