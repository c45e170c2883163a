"""Samples of stateless random ops: TensorFlow's own numbers."""

from __future__ import annotations

import numpy as np

from headrace.core import dtypes
from tests.ops.harness import Sample

SEEDS = np.int32([1, 2]), np.int64([-5, 2**40])
KEY, COUNTER = np.array([2**63 + 12345], np.uint64), np.array([2**64 - 2, 77], np.uint64)

LOGITS = np.float32([[0.1, 2.0, -1.0, 0.5], [3.0, -np.inf, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]])

# Concentrations, rates and trials for which each branch of the samplers is taken.
ALPHAS = np.float64([[0.03, 0.7, 1.0], [1.5, 12.0, 500.0]])
RATES = np.float64([0.0, 0.4, 3.0, 9.9, 10.0, 77.0, 1e5])
TRIALS, CHANCES = np.float64([0, 3, 30, 100, 1e4]), np.float64([[0.0], [0.02], [0.4], [0.7], [0.999], [1.0]])
BOUNDS = np.float32([0, 1]), np.float32([1, 2]), np.float32([-1, 0]), np.float32([2, np.inf])

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
    *[Sample("StatelessRandomGammaV2", ([40, 2, 3], seed, ALPHAS), numeric=False, rtol=1e-8) for seed in SEEDS],
    Sample("StatelessRandomGammaV2", ([5, 2, 3], SEEDS[0], ALPHAS.astype(np.float32)), numeric=False, rtol=1e-4),
    Sample("StatelessRandomGammaV3", ([30, 2, 3], KEY, COUNTER, np.int32(1), ALPHAS), numeric=False, rtol=1e-8),
    Sample("StatelessRandomGammaV3", ([0, 2, 3], KEY, COUNTER, np.int32(1), ALPHAS), numeric=False),
    Sample("RandomGammaGrad", (ALPHAS, ALPHAS * 0.9 + 0.1), rtol=1e-6),
    *[Sample("StatelessRandomPoisson", ([50, 7], seed, RATES), {"dtype": dtypes.int32}) for seed in SEEDS],
    Sample("StatelessRandomPoisson", ([9, 7], SEEDS[0], RATES.astype(np.float32)), {"dtype": dtypes.float64}),
    *[
        Sample("StatelessRandomBinomial", ([20, 6, 5], seed, TRIALS, CHANCES), {"dtype": dtype}, gradient=False)
        for seed in SEEDS
        for dtype in (dtypes.int64, dtypes.float32)
    ],
    # The numbers are our own: compared with TensorFlow's as distributions in tests/ops/test_distributions.py.
    Sample("StatelessParameterizedTruncatedNormal", ([6, 2], SEEDS[0], *BOUNDS), gradient=False, oracle=False),
    # No numbers, which alone are the same each time.
    Sample("NonDeterministicInts", (np.int64([0, 3]),)),
]
