"""Samples of arithmetic, comparison, reduction, products and segments."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from headrace.core import dtypes
from headrace.core.shapes import TensorShape
from tests.ops.harness import Sample

RANDOM = np.random.RandomState(20)


def f32(*shape: int, low: float = -2.0, high: float = 2.0) -> np.ndarray[Any, Any]:
    """Random float32 numbers."""
    return RANDOM.uniform(low, high, shape).astype(np.float32)


def c64(*shape: int) -> np.ndarray[Any, Any]:
    """Random complex64 numbers."""
    return (RANDOM.uniform(-1, 1, shape) + 1j * RANDOM.uniform(-1, 1, shape)).astype(np.complex64)


def ints(*shape: int, low: int = -9, high: int = 10, dtype: Any = np.int32) -> np.ndarray[Any, Any]:
    """Random integers."""
    return RANDOM.randint(low, high, shape).astype(dtype)


def many(*shape: int) -> np.ndarray[Any, Any]:
    """Integers too many to stay on the host, so that they are compiled."""
    return ints(*shape, low=1)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


EMPTY = np.zeros((0, 3), np.float32)
BF16, F16 = ml_dtypes.bfloat16, np.float16
WHOLE = np.float32([-2.5, -1.5, -0.5, 0.0, 0.5, 1.5, 2.5, 1e9])
ODD = np.float32([np.nan, np.inf, -np.inf, 0.0, 1.0])

# Functions of one number: where they are sampled, and numpy's function where it has one.
UNARY: dict[str, tuple[float, float, Any]] = {
    "Abs": (-2, 2, np.abs),
    "Neg": (-2, 2, np.negative),
    "Sign": (-2, 2, np.sign),
    "Exp": (-2, 2, np.exp),
    "Expm1": (-2, 2, np.expm1),
    "Log": (0.1, 3, np.log),
    "Log1p": (-0.9, 3, np.log1p),
    "Sqrt": (0.1, 3, np.sqrt),
    "Rsqrt": (0.1, 3, lambda x: 1 / np.sqrt(x)),
    "Square": (-2, 2, np.square),
    "Reciprocal": (0.2, 2, np.reciprocal),
    "Inv": (0.2, 2, np.reciprocal),
    "Sin": (-3, 3, np.sin),
    "Cos": (-3, 3, np.cos),
    "Tan": (-1.2, 1.2, np.tan),
    "Asin": (-0.9, 0.9, np.arcsin),
    "Acos": (-0.9, 0.9, np.arccos),
    "Atan": (-3, 3, np.arctan),
    "Sinh": (-2, 2, np.sinh),
    "Cosh": (-2, 2, np.cosh),
    "Tanh": (-2, 2, np.tanh),
    "Asinh": (-2, 2, np.arcsinh),
    "Acosh": (1.2, 3, np.arccosh),
    "Atanh": (-0.9, 0.9, np.arctanh),
    "Sigmoid": (-3, 3, lambda x: 1 / (1 + np.exp(-x))),
    "Floor": (-3, 3, np.floor),
    "Ceil": (-3, 3, np.ceil),
    "Round": (-3, 3, np.round),
    "Rint": (-3, 3, np.rint),
    "Erf": (-2, 2, None),
    "Erfc": (-2, 2, None),
    "Erfinv": (-0.9, 0.9, None),
    "Ndtri": (0.1, 0.9, None),
    "Lgamma": (0.3, 4, None),
    "Digamma": (0.3, 4, None),
    "BesselI0": (-2, 2, None),
    "BesselI1": (0.2, 2, None),
    "BesselI0e": (-2, 2, None),
    "BesselI1e": (0.2, 2, None),
    "BesselJ0": (0.3, 4, None),
    "BesselJ1": (0.3, 4, None),
    "BesselY0": (0.3, 4, None),
    "BesselY1": (0.3, 4, None),
    "BesselK0": (0.3, 2, None),
    "BesselK1": (0.3, 2, None),
    "BesselK0e": (0.3, 2, None),
    "BesselK1e": (0.3, 2, None),
    "Dawsn": (-2, 2, None),
    "FresnelCos": (-2, 2, None),
    "FresnelSin": (-2, 2, None),
    "Expint": (0.3, 2, None),
    "Spence": (0.2, 0.9, None),
    "IsNan": (-2, 2, np.isnan),
    "IsInf": (-2, 2, np.isinf),
    "IsFinite": (-2, 2, np.isfinite),
}
NO_COMPLEX = _names(
    """
    Abs Floor Ceil Round Rint Erf Erfc Erfinv Ndtri Lgamma Digamma BesselI0 BesselI1 BesselI0e BesselI1e
    BesselJ0 BesselJ1 BesselY0 BesselY1 BesselK0 BesselK1 BesselK0e BesselK1e Dawsn FresnelCos FresnelSin
    Expint Spence IsNan IsInf IsFinite
    """
)
NO_BFLOAT16 = _names(
    """
    Erfinv Ndtri Lgamma Digamma BesselI0 BesselI1 BesselI0e BesselI1e Expint Spence Rint
    BesselJ0 BesselJ1 BesselY0 BesselY1 BesselK0 BesselK1 BesselK0e BesselK1e Dawsn FresnelCos FresnelSin
    """
)
NO_HALF = _names(
    """
    Erfinv Ndtri Expint Spence Rint
    BesselJ0 BesselJ1 BesselY0 BesselY1 BesselK0 BesselK1 BesselK0e BesselK1e Dawsn FresnelCos FresnelSin
    """
)
"""TensorFlow on the CPU has no kernels for these."""
LOW_PRECISION = {"Erfinv": 0.03, "Ndtri": 0.03, "Spence": 0.03, "Expint": 0.03, "Digamma": 0.05}

SAMPLES: list[Sample] = []
for _name, (_low, _high, _reference) in UNARY.items():
    _x = f32(2, 3, low=_low, high=_high)
    SAMPLES += [
        Sample(_name, (_x,), reference=_reference, rtol=1e-4, atol=1e-5),
        Sample(
            _name,
            (_x.astype(F16 if _name in NO_BFLOAT16 else BF16),),
            numeric=False,
            rtol=LOW_PRECISION.get(_name, 0.02),
            atol=0.02,
            oracle=_name not in NO_HALF,
            gradient=_name != "Digamma",
        ),
        Sample(_name, (f32(1, low=_low, high=_high)[0].astype(np.float64),), rtol=1e-6, atol=1e-8),
        Sample(_name, (EMPTY,)),
    ]
    if _name not in NO_COMPLEX:
        SAMPLES.append(Sample(_name, (c64(2, 2),), rtol=1e-4, atol=1e-5))

SAMPLES += [Sample(name, (ODD,), numeric=False) for name in ("IsNan", "IsInf", "IsFinite", "Neg", "Abs", "Floor", "Ceil")]
SAMPLES += [Sample(name, (WHOLE,)) for name in ("Round", "Rint", "Floor", "Ceil", "Sign")]
SAMPLES += [
    Sample(name, (values,))
    for name in ("Abs", "Neg", "Sign", "Square")
    for values in (ints(5, low=1), ints(3, low=1, dtype=np.int64), many(9, 9))
]
SAMPLES += [Sample("Reciprocal", (ints(5, low=1),), oracle=False), Sample("Round", (ints(5),), oracle=False, reference=np.round)]
for _name in ("SqrtGrad", "RsqrtGrad", "TanhGrad", "SigmoidGrad", "ReciprocalGrad", "InvGrad"):
    SAMPLES += [Sample(_name, (f32(2, 3, low=0.2, high=0.9), f32(2, 3))), Sample(_name, (c64(3), c64(3)), gradient=False)]

# Two inputs.
BINARY: dict[str, Any] = {
    "AddV2": np.add,
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "RealDiv": np.divide,
    "DivNoNan": None,
    "MulNoNan": None,
    "SquaredDifference": lambda x, y: np.conj(x - y) * (x - y),
    "Maximum": np.maximum,
    "Minimum": np.minimum,
    "FloorDiv": lambda x, y: np.floor(x / y),
    "TruncateDiv": lambda x, y: np.trunc(x / y),
    "FloorMod": np.mod,
    "Mod": np.fmod,
    "TruncateMod": np.fmod,
    "Atan2": np.arctan2,
    "NextAfter": np.nextafter,
    "Pow": np.power,
    "Xlogy": None,
    "Xlog1py": None,
    "Xdivy": None,
    "Less": np.less,
    "LessEqual": np.less_equal,
    "Greater": np.greater,
    "GreaterEqual": np.greater_equal,
    "Equal": None,
    "NotEqual": None,
}
POSITIVE = frozenset(("Pow", "Xlogy", "Xlog1py", "Xdivy"))
STEPS = frozenset(("FloorMod", "Mod", "TruncateMod"))
"""Piecewise smooth: not differentiated in low precision, where a step may fall on either side."""
COMPLEX_TOO = _names(
    """
    AddV2 Add Sub Mul Div RealDiv DivNoNan MulNoNan SquaredDifference Pow Xlogy Xlog1py Xdivy Equal
    NotEqual
    """
)
UNCONJUGATED = frozenset(("MulNoNan", "Xlogy", "Xlog1py", "Xdivy"))
"""TensorFlow leaves out the conjugate in the gradients of these for complex numbers."""
INTEGERS_TOO = _names(
    """
    AddV2 Add Sub Mul Div SquaredDifference Maximum Minimum FloorDiv TruncateDiv FloorMod Mod TruncateMod
    Less LessEqual Greater GreaterEqual Equal NotEqual
    """
)
for _name, _reference in BINARY.items():
    _low = 0.2 if _name in POSITIVE else -2.0
    _x, _y = f32(2, 3, low=_low), f32(2, 3, low=0.3)
    _in_half = _name not in ("Mod", "TruncateMod")
    SAMPLES += [
        Sample(_name, (_x, _y), reference=_reference),
        Sample(_name, (f32(2, 1, low=_low), f32(4, 1, 3, low=0.3))),
        Sample(_name, (f32(3, low=_low), np.float32(1.5))),
        Sample(_name, (np.float32(1.5), f32(2, 3, low=0.3))),
        Sample(_name, (EMPTY, np.float32(2)), unknown=_name not in STEPS),
    ]
    if _name != "NextAfter":
        for _half, _tolerance in ((BF16, 0.03), (F16, 0.01)):
            _pair, _smooth = (_x.astype(_half), _y.astype(_half)), _name not in STEPS
            SAMPLES.append(Sample(_name, _pair, numeric=False, gradient=_smooth, rtol=_tolerance, atol=_tolerance, oracle=_in_half))
    if _name in COMPLEX_TOO:
        SAMPLES.append(
            Sample(
                _name,
                (c64(2, 1), c64(2)),
                rtol=1e-4,
                atol=1e-5,
                oracle_gradient=_name not in UNCONJUGATED,
                numeric=_name != "SquaredDifference",
            )
        )
    if _name in INTEGERS_TOO:
        SAMPLES += [Sample(_name, (ints(2, 3), ints(3, low=1))), Sample(_name, (many(9, 9), many(9))), Sample(_name, (ints(4), -3))]

SAMPLES += [
    Sample("AddV2", (ints(3, dtype=np.uint8, low=0), ints(3, dtype=np.uint8, low=0))),
    Sample("Add", (np.array([b"a", b"b"], object), np.array(b"c", object)), unknown=False),
    Sample("Pow", (ints(4), np.int32(3))),
    Sample("Pow", (np.float32([0, 0, -2, 2]), np.float32([0, 2, 3, -1])), numeric=False),
    Sample("Pow", (many(9, 9), np.int32(2))),
    Sample("DivNoNan", (np.float32([1, 0, 2]), np.float32([0, 0, 4])), numeric=False),
    Sample("MulNoNan", (np.float32([np.inf, np.nan, 2]), np.float32([0, 0, 4])), numeric=False),
    Sample("Xlogy", (np.float32([0, 0, 2]), np.float32([0, 1, 3])), numeric=False),
    Sample("Xlog1py", (np.float32([0, 0, 2]), np.float32([-1, 1, 3])), numeric=False),
    Sample("Xdivy", (np.float32([0, 0, 2]), np.float32([0, 1, 3])), numeric=False),
    Sample("Maximum", (np.float32([1, 2, 3]), np.float32([1, 3, 2])), numeric=False),
    Sample("Minimum", (np.float32([1, 2, 3]), np.float32([1, 3, 2])), numeric=False),
    Sample("FloorMod", (np.float32([5, -5, 5, -5]), np.float32([3, 3, -3, -3])), numeric=False, reference=np.mod),
    Sample("FloorDiv", (ints(6), np.int32(-4)), reference=np.floor_divide),
    Sample("FloorMod", (ints(6), np.int32(-4)), reference=np.mod),
    Sample("TruncateDiv", (np.int32([7, -7, 7, -7]), np.int32([2, 2, -2, -2]))),
    Sample("RealDiv", (np.float32([1, 0, -1]), np.float32(0)), numeric=False),
    Sample("Equal", (np.array([b"a", b"b"], object), np.array([b"a", b"c"], object)), unknown=False),
    Sample("NotEqual", (np.array([b"a", b"b"], object), np.array([b"a", b"c"], object)), unknown=False),
    Sample("Equal", (np.array([True, False]), True)),
    Sample("Equal", (f32(2), f32(3)), {"incompatible_shape_error": False}, unknown=False),
    Sample("NotEqual", (f32(2), f32(3)), {"incompatible_shape_error": False}, unknown=False),
    Sample("NotEqual", (ints(2), ints(3)), {"incompatible_shape_error": False}, unknown=False),
    Sample("ApproximateEqual", (f32(2, 3), f32(2, 3))),
    Sample("ApproximateEqual", (c64(3), c64(3)), {"tolerance": 1.0}, oracle=False),
    Sample("ApproximateEqual", (np.float32([1, 1, 1]), np.float32([1.05, 1.2, 1])), {"tolerance": 0.1}),
    Sample("LogicalAnd", (np.array([True, True, False]), np.array([True, False, False]))),
    Sample("LogicalOr", (np.array([[True], [False]]), np.array([True, False, False]))),
    Sample("LogicalNot", (np.array([True, False]),)),
    Sample("Igamma", (f32(2, 3, low=0.3), f32(3, low=0.3)), rtol=1e-4),
    Sample("Igammac", (f32(2, 3, low=0.3), f32(3, low=0.3)), rtol=1e-4),
    Sample("IgammaGradA", (f32(2, 3, low=0.3), f32(3, low=0.3)), rtol=1e-3, atol=1e-5, gradient=False),
    Sample("Zeta", (f32(2, 3, low=1.3), f32(3, low=0.3)), rtol=1e-4, numeric=False),
    Sample("Polygamma", (np.float32([[1], [2]]), f32(3, low=0.5)), rtol=1e-4, numeric=False),
    Sample("Betainc", (f32(2, 3, low=0.5), f32(2, 3, low=0.5), np.float32(0.3)), rtol=1e-4, numeric=False),
    Sample("Cross", (f32(4, 3), f32(4, 3)), reference=np.cross),
    Sample("Cross", (ints(3), ints(3))),
    Sample("AddN", ([f32(2, 3), f32(2, 3), f32(2, 3)],), reference=sum),
    Sample("AddN", ([ints(4), ints(4)],)),
    Sample("AddN", ([c64(4)],)),
    Sample(
        "AccumulateNV2",
        ([f32(2, 3), f32(2, 3)],),
        {"shape": TensorShape([2, 3])},
        oracle=False,
        reference=lambda inputs, shape: sum(inputs),
    ),
]

# Bits.
for _name, _reference in {
    "BitwiseAnd": np.bitwise_and,
    "BitwiseOr": np.bitwise_or,
    "BitwiseXor": np.bitwise_xor,
    "LeftShift": np.left_shift,
    "RightShift": np.right_shift,
}.items():
    for _dtype in (np.int8, np.int32, np.uint16, np.int64):
        SAMPLES.append(Sample(_name, (ints(2, 3, low=0, dtype=_dtype), ints(3, low=0, high=6, dtype=_dtype)), reference=_reference))
    SAMPLES.append(Sample(_name, (many(9, 9), np.int32(3)), reference=_reference))
SAMPLES += [
    Sample("Invert", (ints(5),), reference=np.invert),
    Sample("Invert", (ints(5, low=0, dtype=np.uint8),), reference=np.invert),
    Sample("PopulationCount", (ints(5),)),
    Sample("PopulationCount", (ints(5, low=0, dtype=np.uint64),)),
]

# Dtypes.
_TO = (dtypes.float32, dtypes.float64, dtypes.float16, dtypes.bfloat16, dtypes.int32, dtypes.int64, dtypes.bool_, dtypes.complex64)
SAMPLES += [Sample("Cast", (x,), {"DstT": dst}) for x in (f32(2, 3), ints(4), np.array([True, False])) for dst in _TO]
SAMPLES += [
    Sample("Cast", (f32(2, 3).astype(np.float64),), {"DstT": dtypes.float32}, rtol=1e-5, numeric=False),
    Sample("Cast", (f32(4).astype(BF16),), {"DstT": dtypes.float32}, numeric=False),
    Sample("Cast", (ints(4, low=0),), {"DstT": dtypes.uint8}),
    Sample("Cast", (many(9, 9),), {"DstT": dtypes.int8}),
    Sample("Cast", (c64(3),), {"DstT": dtypes.complex128}),
    Sample("Cast", (f32(6),), {"DstT": dtypes.bfloat16, "Truncate": True}, gradient=False, rtol=0, atol=0),
    Sample("Bitcast", (f32(2, 3),), {"type": dtypes.int32}),
    Sample("Bitcast", (ints(2, 3),), {"type": dtypes.uint8}, unknown=False),
    Sample("Bitcast", (ints(2, 4, low=0, dtype=np.uint8),), {"type": dtypes.int32}, unknown=False),
    Sample("Bitcast", (f32(9, 10, 2),), {"type": dtypes.float64}, unknown=False),
    Sample("Bitcast", (c64(3),), {"type": dtypes.float32}, unknown=False),
    Sample("Bitcast", (f32(3, 2),), {"type": dtypes.complex64}, unknown=False),
    Sample("Complex", (f32(2, 3), f32(3))),
    Sample("Complex", (f32(2).astype(np.float64), f32(2).astype(np.float64)), {"Tout": dtypes.complex128}),
]
for _name, _reference in {"Real": np.real, "Imag": np.imag, "Angle": np.angle, "ComplexAbs": np.abs}.items():
    SAMPLES += [
        Sample(_name, (c64(2, 3),), reference=_reference, numeric=False),
        Sample(_name, (c64(3).astype(np.complex128),), {"Tout": dtypes.float64}),
    ]
SAMPLES += [Sample("Conj", (c64(2, 3),), reference=np.conj)]

# Reductions.
REDUCTIONS: dict[str, Any] = {"Sum": np.sum, "Mean": np.mean, "Prod": np.prod, "Max": np.max, "Min": np.min, "EuclideanNorm": None}


def _numpy_reduction(function: Any) -> Any:
    if function is None:
        return None
    return lambda x, axes, keep_dims=False: function(x, axis=tuple(np.asarray(axes).ravel().tolist()), keepdims=keep_dims)


for _name, _function in REDUCTIONS.items():
    _reference = _numpy_reduction(_function)
    SAMPLES += [
        Sample(_name, (f32(2, 3, 4), [1]), reference=_reference),
        Sample(_name, (f32(2, 3, 4), -1), reference=_reference),
        Sample(_name, (f32(2, 3, 4), [0, -1]), {"keep_dims": True}, reference=_reference),
        Sample(_name, (f32(2, 3), [0, 1]), reference=_reference),
        Sample(_name, (f32(2, 3), np.zeros(0, np.int32)), rtol=1e-5),
        Sample(_name, (f32(3), np.int64([0])), reference=_reference),
        Sample(_name, (f32(2, 3).astype(BF16), [1]), numeric=False, rtol=0.03, atol=0.03),
        Sample(_name, (f32(2, 3).astype(F16), [1]), numeric=False, rtol=0.01, atol=0.01),
        Sample(_name, (ints(2, 3, low=1), [1])),
        Sample(_name, (many(9, 9) % 3 + 1, [0])),
        Sample(_name, (EMPTY, [1]), gradient=False),
    ]
    if _name not in ("Max", "Min"):
        SAMPLES.append(Sample(_name, (c64(2, 3), [1]), gradient=_name not in ("Prod", "EuclideanNorm")))
    if _name != "Mean":
        SAMPLES.append(Sample(_name, (EMPTY, [0]), gradient=False))
SAMPLES += [
    Sample("Max", (np.float32([[1, 3, 3], [2, 2, 2]]), [1]), numeric=False),
    Sample("Min", (np.float32([[1, 1, 3], [2, 2, 2]]), [1]), numeric=False),
    Sample("Prod", (np.float32([[0, 2, 3], [0, 0, 2]]), [1])),
    Sample("EuclideanNorm", (np.zeros((2, 2), np.float32), [1]), numeric=False),
    Sample("All", (RANDOM.rand(2, 3) > 0.3, [1])),
    Sample("All", (RANDOM.rand(2, 3) > 0.3, [0, 1]), {"keep_dims": True}),
    Sample("Any", (RANDOM.rand(2, 3) > 0.7, -1)),
    Sample("Any", (np.zeros((0, 2), np.bool_), [0])),
]
for _name in ("ArgMax", "ArgMin"):
    SAMPLES += [
        Sample(_name, (f32(2, 3, 4), 1)),
        Sample(_name, (f32(2, 3, 4), -1), {"output_type": dtypes.int32}),
        Sample(_name, (np.float32([1, 3, 3, 1]), 0)),
        Sample(_name, (ints(3, 4), np.int64(1))),
    ]

# Running.
for _name, _function in {"Cumsum": np.cumsum, "Cumprod": np.cumprod}.items():
    SAMPLES += [
        Sample(_name, (f32(2, 3), 1), reference=lambda x, axis, f=_function: f(x, axis)),
        Sample(_name, (f32(2, 3), -2), {"exclusive": True}),
        Sample(_name, (f32(2, 3), 0), {"reverse": True}),
        Sample(_name, (f32(2, 4), 1), {"reverse": True, "exclusive": True}),
        Sample(_name, (ints(5), 0)),
        Sample(_name, (many(9, 9) % 3, 0)),
        Sample(_name, (EMPTY, 0)),
    ]
SAMPLES += [
    Sample("Cumsum", (ints(5), 0), {"reverse": True, "exclusive": True}),
    Sample("Cumprod", (np.float32([2, 0, 3, 0, 4]), 0), oracle_gradient=False),  # TensorFlow divides by the zeros
    Sample("CumulativeLogsumexp", (f32(2, 3), 1)),
    Sample("CumulativeLogsumexp", (f32(2, 3), 0), {"reverse": True}),
    Sample("CumulativeLogsumexp", (f32(4), 0), {"exclusive": True}, numeric=False),
]

# Counting.
SAMPLES += [
    Sample("Bincount", (np.int32([1, 2, 1, 5]), 4, np.zeros(0, np.int32))),
    Sample("Bincount", (np.int32([[1, 2], [1, 0]]), 4, np.float32([[1, 2], [3, 4]]))),
    Sample("DenseBincount", (np.int32([1, 2, 1, 5]), 4, np.zeros(0, np.int64))),
    Sample("DenseBincount", (np.int64([[1, 2, 2], [1, 0, 9]]), np.int64(4), np.zeros(0, np.float32))),
    Sample("DenseBincount", (np.int32([[1, 2, 2], [1, 0, 0]]), 3, np.zeros(0, np.int32)), {"binary_output": True}),
    Sample("DenseBincount", (np.int32([[1, 2, 2], [1, 0, 0]]), 3, f32(2, 3))),
    Sample("HistogramFixedWidth", (np.float32([-1, 0, 1.5, 2, 5, 15]), np.float32([0, 5]), 5)),
    Sample("HistogramFixedWidth", (np.int32([[1, 4], [2, 9]]), np.int32([0, 10]), 3), {"dtype": dtypes.int64}),
    Sample("Bucketize", (np.float32([[-5, 10], [150, 10]]),), {"boundaries": [0.0, 10.0, 100.0]}),
    Sample("Bucketize", (ints(5),), {"boundaries": [-2.0, 2.0]}),
]

# Products.
SAMPLES += [
    Sample(
        "MatMul",
        (f32(*((3, 2) if ta else (2, 3))), f32(*((4, 3) if tb else (3, 4)))),
        {"transpose_a": ta, "transpose_b": tb},
        reference=lambda a, b, transpose_a, transpose_b: (a.T if transpose_a else a) @ (b.T if transpose_b else b),
    )
    for ta in (False, True)
    for tb in (False, True)
]
SAMPLES += [
    Sample("MatMul", (c64(2, 3), c64(3, 2))),
    Sample("MatMul", (c64(3, 2), c64(2, 3)), {"transpose_a": True, "transpose_b": True}),
    Sample("MatMul", (ints(2, 3), ints(3, 4)), reference=np.matmul),
    Sample("MatMul", (f32(2, 3).astype(BF16), f32(3, 4).astype(BF16)), numeric=False, rtol=0.03, atol=0.05),
    Sample("MatMul", (f32(0, 3), f32(3, 4))),
    Sample("MatMul", (f32(2, 0), f32(0, 4))),
]
for _name in ("BatchMatMul", "BatchMatMulV2"):
    SAMPLES += [
        Sample(_name, (f32(2, 2, 3), f32(2, 3, 2)), reference=np.matmul),
        Sample(_name, (f32(2, 3, 2), f32(2, 3, 4)), {"adj_x": True}),
        Sample(_name, (f32(2, 2, 3), f32(2, 4, 3)), {"adj_y": True}),
        Sample(_name, (c64(3, 2), c64(4, 3)), {"adj_x": True, "adj_y": True}),
    ]
SAMPLES += [
    Sample("BatchMatMulV2", (f32(2, 1, 2, 3), f32(4, 3, 2)), reference=np.matmul),
    Sample("BatchMatMulV2", (f32(2, 3), f32(5, 3, 2)), reference=np.matmul),
    Sample("BatchMatMulV3", (ints(2, 2, 3, dtype=np.int8), ints(3, 2, dtype=np.int8)), {"Tout": dtypes.int32}),
    Sample("BatchMatMulV3", (f32(2, 3), f32(3, 2)), {"Tout": dtypes.float32}, gradient=False),
    Sample("Einsum", ([f32(2, 3), f32(3, 4)],), {"equation": "ij,jk->ik"}),
    Sample("Einsum", ([f32(2, 3, 4), f32(2, 4, 2)],), {"equation": "bij,bjk->bik"}),
    Sample("Einsum", ([f32(2, 3, 4), f32(4, 5)],), {"equation": "...j,jk->...k"}),
    Sample("Einsum", ([f32(3, 4)],), {"equation": "ij->ji"}),
    Sample("Einsum", ([f32(3, 3)],), {"equation": "ii->i"}),
    Sample("Einsum", ([f32(3, 4)],), {"equation": "ij->"}),
    Sample("Einsum", ([f32(3, 4), f32(3)],), {"equation": "ij,k->i"}),
    Sample("Einsum", ([c64(2, 3), c64(3, 4)],), {"equation": "ij,jk->ki"}),
    Sample("BroadcastGradientArgs", (np.int32([2, 1, 3]), np.int32([4, 1])), unknown=False),
    Sample("BroadcastGradientArgs", (np.int64([3]), np.int64([2, 3])), unknown=False),
]

# Segments.
_IDS = np.int32([0, 0, 2, 2, 2])
for _name in ("SegmentSum", "SegmentMean", "SegmentProd", "SegmentMax", "SegmentMin"):
    SAMPLES += [
        Sample(_name, (f32(5, 2), _IDS), unknown=False),
        Sample(_name, (ints(5), _IDS.astype(np.int64)), unknown=False),
        Sample(_name, (np.float32([1, 1, 2, 2, 1]), _IDS), unknown=False, numeric=False),
    ]
_LOOSE = np.int32([2, 0, -1, 2, 0])
for _name in ("UnsortedSegmentSum", "UnsortedSegmentProd", "UnsortedSegmentMax", "UnsortedSegmentMin"):
    SAMPLES += [
        Sample(_name, (f32(5, 2), _LOOSE, 4), numeric=_name in ("UnsortedSegmentSum", "UnsortedSegmentProd")),
        Sample(_name, (f32(2, 3, 2), np.int64([[0, 1, 0], [1, 1, 2]]), np.int64(3))),
        Sample(_name, (ints(5), _LOOSE, 3)),
        Sample(_name, (np.float32([1, 1, 2, 1, 1]), _LOOSE, 3), numeric=False),
        Sample(_name, (np.float32([0, 0, 2, 3, 1]), _LOOSE, 3), numeric=_name in ("UnsortedSegmentSum", "UnsortedSegmentProd")),
    ]
for _name in ("SparseSegmentSum", "SparseSegmentMean", "SparseSegmentSqrtN"):
    SAMPLES.append(Sample(_name, (f32(4, 2), np.int32([3, 0, 0, 1]), np.int32([0, 0, 1, 2])), unknown=False))

# Clipping and transforms.
SAMPLES += [
    Sample("ClipByValue", (f32(2, 3), np.float32(-1), np.float32(1))),
    Sample("ClipByValue", (f32(2, 3), np.full((2, 3), -0.5, np.float32), np.full((2, 3), 0.5, np.float32))),
    Sample("ClipByValue", (ints(5), -3, 3)),
]
for _name in ("FFT", "IFFT", "FFT2D", "IFFT2D", "FFT3D", "IFFT3D"):
    SAMPLES.append(Sample(_name, (c64(2, 3, 2, 4),), rtol=1e-4, atol=1e-4))
SAMPLES += [
    Sample("RFFT", (f32(2, 6), [6]), rtol=1e-4, atol=1e-4),
    Sample("RFFT", (f32(2, 6), [4]), rtol=1e-4, atol=1e-4, gradient=False),
    Sample("RFFT", (f32(2, 5).astype(np.float64), [5]), {"Tcomplex": dtypes.complex128}),
    Sample("IRFFT", (c64(2, 4), [6]), rtol=1e-4, atol=1e-4),
    Sample("IRFFT", (c64(2, 4).astype(np.complex128), [6]), {"Treal": dtypes.float64}),
    Sample("RFFT2D", (f32(4, 5).astype(np.float64), [4, 5]), {"Tcomplex": dtypes.complex128}),
    Sample("IRFFT2D", (c64(4, 3).astype(np.complex128), [4, 5]), {"Treal": dtypes.float64}),
    Sample("IRFFT", (c64(2, 4), [5]), rtol=1e-4, atol=1e-4, gradient=False),
    Sample("RFFT2D", (f32(2, 4, 6), [4, 6]), rtol=1e-4, atol=1e-4),
    Sample("IRFFT2D", (c64(2, 4, 4), [4, 6]), rtol=1e-4, atol=1e-4),
    Sample("RFFT3D", (f32(2, 3, 4, 5), [3, 4, 5]), rtol=1e-4, atol=1e-4, oracle_gradient=False),
    Sample("RFFT3D", (f32(3, 4, 5).astype(np.float64), [2, 4, 4]), {"Tcomplex": dtypes.complex128}, oracle_gradient=False),
    Sample("IRFFT3D", (c64(3, 4, 3), [3, 4, 5]), rtol=1e-4, atol=1e-4, oracle_gradient=False),
]
