"""Samples of stateless random ops: TensorFlow's own numbers."""

from __future__ import annotations

import numpy as np

from headrace.core import dtypes
from tests.ops.harness import Sample

SEEDS = np.int32([1, 2]), np.int64([-5, 2**40])
KEY, COUNTER = np.array([2**63 + 12345], np.uint64), np.array([2**64 - 2, 77], np.uint64)

LOGITS = np.float32([[0.1, 2.0, -1.0, 0.5], [3.0, -np.inf, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]])

SAMPLES = [
    *[Sample("StatelessRandomGetKeyCounter", (seed,)) for seed in SEEDS],
    Sample("StatelessRandomGetAlg", ()),
    *[
        Sample(op, ([3, 7], seed), {"dtype": dtype}, gradient=False, rtol=1e-4, atol=1e-6)
        for op in ("StatelessRandomUniform", "StatelessRandomNormal", "StatelessTruncatedNormal")
        for seed in SEEDS
        for dtype in (dtypes.float32, dtypes.float64, dtypes.float16, dtypes.bfloat16)
        if op.endswith("Uniform") or dtype.size >= 4
    ],
    *[
        Sample(op, ([13], KEY, COUNTER, np.int32(1)), rtol=1e-4, atol=1e-6)
        for op in ("StatelessRandomUniformV2", "StatelessRandomNormalV2", "StatelessTruncatedNormalV2")
    ],
    Sample("StatelessRandomUniformInt", ([9], SEEDS[0], np.int32(-3), np.int32(11))),
    Sample("StatelessRandomUniformInt", ([9], SEEDS[1], np.int64(-(2**50)), np.int64(2**50))),
    Sample("StatelessRandomUniformIntV2", ([9], KEY, COUNTER, np.int32(1), np.int32(0), np.int32(1000))),
    Sample("StatelessRandomUniformIntV2", ([3], KEY, COUNTER, np.int32(1), np.int64(-5), np.int64(2**62))),
    *[
        Sample("StatelessRandomUniformFullIntV2", ([2, 5], KEY, COUNTER, np.int32(1)), {"dtype": dtype})
        for dtype in (dtypes.int32, dtypes.int64, dtypes.uint32, dtypes.uint64)
    ],
    # So many groups that some need several blocks.
    *[
        Sample("StatelessTruncatedNormal", ([3001], SEEDS[0]), {"dtype": dtype}, gradient=False, rtol=1e-5, atol=1e-5)
        for dtype in (dtypes.float32, dtypes.float64)
    ],
    *[Sample(f"Stateless{kind}", ([0, 3], SEEDS[0])) for kind in ("RandomUniform", "RandomNormal", "TruncatedNormal")],
    *[
        Sample("StatelessMultinomial", (logits, np.int32(9), seed), {"output_dtype": kind}, gradient=False)
        for seed in SEEDS
        for logits, kind in ((LOGITS, dtypes.int64), (LOGITS.astype(np.float64), dtypes.int32))
    ],
]
