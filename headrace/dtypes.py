"""tf.dtypes."""

from headrace.core.dtypes import DType as DType
from headrace.core.dtypes import as_dtype as as_dtype
from headrace.core.dtypes import bfloat16 as bfloat16
from headrace.core.dtypes import bool_ as bool
from headrace.core.dtypes import complex64 as complex64
from headrace.core.dtypes import complex128 as complex128
from headrace.core.dtypes import float16 as float16
from headrace.core.dtypes import float16 as half
from headrace.core.dtypes import float32 as float32
from headrace.core.dtypes import float64 as double
from headrace.core.dtypes import float64 as float64
from headrace.core.dtypes import int4 as int4
from headrace.core.dtypes import int8 as int8
from headrace.core.dtypes import int16 as int16
from headrace.core.dtypes import int32 as int32
from headrace.core.dtypes import int64 as int64
from headrace.core.dtypes import qint8 as qint8
from headrace.core.dtypes import qint16 as qint16
from headrace.core.dtypes import qint32 as qint32
from headrace.core.dtypes import quint8 as quint8
from headrace.core.dtypes import quint16 as quint16
from headrace.core.dtypes import resource as resource
from headrace.core.dtypes import string as string
from headrace.core.dtypes import uint4 as uint4
from headrace.core.dtypes import uint8 as uint8
from headrace.core.dtypes import uint16 as uint16
from headrace.core.dtypes import uint32 as uint32
from headrace.core.dtypes import uint64 as uint64
from headrace.core.dtypes import variant as variant
from headrace.ops.math.functions import cast as cast
from headrace.ops.math.functions import complex as complex
from headrace.ops.math.functions import saturate_cast as saturate_cast

QUANTIZED_DTYPES = frozenset({qint8, qint16, qint32, quint8, quint16})

__all__ = [
    "DType",
    "as_dtype",
    "bfloat16",
    "bool",
    "complex64",
    "complex128",
    "double",
    "float16",
    "float32",
    "float64",
    "half",
    "int4",
    "int8",
    "int16",
    "int32",
    "int64",
    "qint8",
    "qint16",
    "qint32",
    "quint8",
    "quint16",
    "resource",
    "string",
    "uint4",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "variant",
]
