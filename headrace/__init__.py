"""Headrace: TensorFlow's API, formats and protocols on a small, readable implementation. `import headrace as tf`.

Without the packages that compute (the distribution `headrace-slim` leaves them out) the names of `tf.*` are not there; the client,
the mirror, monitoring and deployment are.
"""

import sys as _sys

from headrace.core.distribution import IS_WHOLE as _IS_WHOLE
from headrace.core.facades import explain_absence as _explain_absence

__version__ = "0.1.0"

if _IS_WHOLE:
    from headrace import audio as audio
    from headrace import autodiff as autodiff
    from headrace import autograph as autograph
    from headrace import bitwise as bitwise
    from headrace import compat as compat
    from headrace import config as config
    from headrace import data as data
    from headrace import debugging as debugging
    from headrace import distribute as distribute
    from headrace import dtypes as dtypes
    from headrace import errors as errors
    from headrace import experimental as experimental
    from headrace import graph_util as graph_util
    from headrace import image as image
    from headrace import io as io
    from headrace import linalg as linalg
    from headrace import lookup as lookup
    from headrace import math as math
    from headrace import mixed_precision as mixed_precision
    from headrace import nest as nest
    from headrace import nn as nn
    from headrace import ops as _ops
    from headrace import optimizers as optimizers
    from headrace import profiler as profiler
    from headrace import quantization as quantization
    from headrace import ragged as ragged
    from headrace import random as random
    from headrace import raw_ops as raw_ops
    from headrace import saved_model as saved_model
    from headrace import sets as sets
    from headrace import signal as signal
    from headrace import sparse as sparse
    from headrace import strings as strings
    from headrace import summary as summary
    from headrace import sysconfig as sysconfig
    from headrace import train as train
    from headrace import types as types
    from headrace import version as version
    from headrace import xla as xla
    from headrace.autodiff.py_function import py_function as py_function
    from headrace.autodiff.recompute import recompute_grad as recompute_grad
    from headrace.autodiff.tape import AggregationMethod as AggregationMethod
    from headrace.autodiff.tape import GradientTape as GradientTape
    from headrace.autodiff.tape import UnconnectedGradients as UnconnectedGradients
    from headrace.autodiff.tape import custom_gradient as custom_gradient
    from headrace.autodiff.tape import grad_pass_through as grad_pass_through
    from headrace.compat import internals as __internal__
    from headrace.core.device_spec import DeviceSpec as DeviceSpec
    from headrace.core.facades import explain_missing_names as _explain_missing_names
    from headrace.core.logs import get_logger as get_logger
    from headrace.core.shapes import TensorShape as TensorShape
    from headrace.core.shapes import broadcast_static_shape as broadcast_static_shape
    from headrace.core.spec import TensorSpec as TensorSpec
    from headrace.core.spec import TypeSpec as TypeSpec
    from headrace.dispatch.composite import IndexedSlices as IndexedSlices
    from headrace.dispatch.composite import IndexedSlicesSpec as IndexedSlicesSpec
    from headrace.dispatch.context import current_name_scope as get_current_name_scope
    from headrace.dispatch.context import executing_eagerly as executing_eagerly
    from headrace.dispatch.context import init_scope as init_scope
    from headrace.dispatch.context import inside_function as inside_function
    from headrace.dispatch.convert import constant as constant
    from headrace.dispatch.convert import convert_to_tensor as convert_to_tensor
    from headrace.dispatch.convert import is_tensor as is_tensor
    from headrace.dispatch.convert import register_tensor_conversion_function as register_tensor_conversion_function
    from headrace.dispatch.tensor import Tensor as Tensor
    from headrace.dtypes import *  # noqa: F403
    from headrace.ops.array.creation import eye as eye
    from headrace.ops.array.creation import fill as fill
    from headrace.ops.array.creation import linspace as linspace
    from headrace.ops.array.creation import meshgrid as meshgrid
    from headrace.ops.array.creation import one_hot as one_hot
    from headrace.ops.array.creation import ones as ones
    from headrace.ops.array.creation import ones_like as ones_like
    from headrace.ops.array.creation import range as range
    from headrace.ops.array.creation import sequence_mask as sequence_mask
    from headrace.ops.array.creation import zeros as zeros
    from headrace.ops.array.creation import zeros_like as zeros_like
    from headrace.ops.array.gathering import boolean_mask as boolean_mask
    from headrace.ops.array.gathering import gather as gather
    from headrace.ops.array.gathering import gather_nd as gather_nd
    from headrace.ops.array.gathering import scatter_nd as scatter_nd
    from headrace.ops.array.gathering import tensor_scatter_nd_add as tensor_scatter_nd_add
    from headrace.ops.array.gathering import tensor_scatter_nd_max as tensor_scatter_nd_max
    from headrace.ops.array.gathering import tensor_scatter_nd_min as tensor_scatter_nd_min
    from headrace.ops.array.gathering import tensor_scatter_nd_sub as tensor_scatter_nd_sub
    from headrace.ops.array.gathering import tensor_scatter_nd_update as tensor_scatter_nd_update
    from headrace.ops.array.identity import ensure_shape as ensure_shape
    from headrace.ops.array.identity import guarantee_const as guarantee_const
    from headrace.ops.array.identity import identity as identity
    from headrace.ops.array.identity import identity_tensors as identity_n
    from headrace.ops.array.identity import stop_gradient as stop_gradient
    from headrace.ops.array.joining import broadcast_dynamic_shape as broadcast_dynamic_shape
    from headrace.ops.array.joining import broadcast_to as broadcast_to
    from headrace.ops.array.joining import concat as concat
    from headrace.ops.array.joining import parallel_stack as parallel_stack
    from headrace.ops.array.joining import repeat as repeat
    from headrace.ops.array.joining import split as split
    from headrace.ops.array.joining import stack as stack
    from headrace.ops.array.joining import tile as tile
    from headrace.ops.array.joining import unstack as unstack
    from headrace.ops.array.padding import pad as pad
    from headrace.ops.array.padding import reverse as reverse
    from headrace.ops.array.padding import reverse_sequence as reverse_sequence
    from headrace.ops.array.padding import roll as roll
    from headrace.ops.array.portable import get_static_value as get_static_value
    from headrace.ops.array.selecting import dynamic_partition as dynamic_partition
    from headrace.ops.array.selecting import dynamic_stitch as dynamic_stitch
    from headrace.ops.array.selecting import unique as unique
    from headrace.ops.array.selecting import unique_with_counts as unique_with_counts
    from headrace.ops.array.selecting import where as where
    from headrace.ops.array.shaping import expand_dims as expand_dims
    from headrace.ops.array.shaping import rank as rank
    from headrace.ops.array.shaping import reshape as reshape
    from headrace.ops.array.shaping import shape as shape
    from headrace.ops.array.shaping import shape_n as shape_n
    from headrace.ops.array.shaping import size as size
    from headrace.ops.array.shaping import squeeze as squeeze
    from headrace.ops.array.shaping import transpose as transpose
    from headrace.ops.array.shaping import unravel_index as unravel_index
    from headrace.ops.array.sorting import approx_top_k_op as approx_top_k
    from headrace.ops.array.sorting import argsort as argsort
    from headrace.ops.array.sorting import searchsorted as searchsorted
    from headrace.ops.array.sorting import sort as sort
    from headrace.ops.array.space import batch_to_space as batch_to_space
    from headrace.ops.array.space import required_space_to_batch_paddings as required_space_to_batch_paddings
    from headrace.ops.array.space import space_to_batch as space_to_batch
    from headrace.ops.array.space import space_to_batch_nd as space_to_batch_nd
    from headrace.ops.array.strided import slice_ as slice
    from headrace.ops.array.strided import strided_slice as strided_slice
    from headrace.ops.host.assertions import assert_equal as assert_equal
    from headrace.ops.host.assertions import assert_greater as assert_greater
    from headrace.ops.host.assertions import assert_less as assert_less
    from headrace.ops.host.assertions import assert_rank as assert_rank
    from headrace.ops.host.assertions import assert_true as Assert
    from headrace.ops.host.clock import timestamp as timestamp
    from headrace.ops.host.ordering import control_dependencies as control_dependencies
    from headrace.ops.host.ordering import group as group
    from headrace.ops.host.ordering import no_op as no_op
    from headrace.ops.host.ordering import tuple_ as tuple
    from headrace.ops.host.printing import print_function as print
    from headrace.ops.host.python import numpy_function as numpy_function
    from headrace.ops.linalg.functions import eig as eig
    from headrace.ops.linalg.functions import eigvals as eigvals
    from headrace.ops.linalg.functions import norm as norm
    from headrace.ops.linalg.functions import sqrtm as matrix_square_root
    from headrace.ops.math.clipping import clip_by_global_norm as clip_by_global_norm
    from headrace.ops.math.clipping import clip_by_norm as clip_by_norm
    from headrace.ops.math.clipping import clip_by_value as clip_by_value
    from headrace.ops.math.comparison import greater as greater
    from headrace.ops.math.comparison import greater_equal as greater_equal
    from headrace.ops.math.comparison import less as less
    from headrace.ops.math.comparison import less_equal as less_equal
    from headrace.ops.math.comparison import logical_and as logical_and
    from headrace.ops.math.comparison import logical_not as logical_not
    from headrace.ops.math.comparison import logical_or as logical_or
    from headrace.ops.math.contraction import einsum as einsum
    from headrace.ops.math.contraction import histogram_fixed_width as histogram_fixed_width
    from headrace.ops.math.contraction import histogram_fixed_width_bins as histogram_fixed_width_bins
    from headrace.ops.math.contraction import matmul as matmul
    from headrace.ops.math.contraction import tensordot as tensordot
    from headrace.ops.math.conversion import bitcast as bitcast
    from headrace.ops.math.elementwise import add as add
    from headrace.ops.math.elementwise import atan2 as atan2
    from headrace.ops.math.elementwise import maximum as maximum
    from headrace.ops.math.elementwise import minimum as minimum
    from headrace.ops.math.elementwise import multiply as multiply
    from headrace.ops.math.elementwise import power as pow
    from headrace.ops.math.elementwise import real_divide as realdiv
    from headrace.ops.math.elementwise import subtract as subtract
    from headrace.ops.math.elementwise import truncatediv as truncatediv
    from headrace.ops.math.elementwise import truncatemod as truncatemod
    from headrace.ops.math.functions import abs as abs
    from headrace.ops.math.functions import add_n as add_n
    from headrace.ops.math.functions import argmax as argmax
    from headrace.ops.math.functions import argmin as argmin
    from headrace.ops.math.functions import cast as cast
    from headrace.ops.math.functions import complex as complex
    from headrace.ops.math.functions import cumsum as cumsum
    from headrace.ops.math.functions import divide as divide
    from headrace.ops.math.functions import equal as equal
    from headrace.ops.math.functions import not_equal as not_equal
    from headrace.ops.math.functions import reduce_all as reduce_all
    from headrace.ops.math.functions import reduce_any as reduce_any
    from headrace.ops.math.functions import reduce_logsumexp as reduce_logsumexp
    from headrace.ops.math.functions import reduce_max as reduce_max
    from headrace.ops.math.functions import reduce_mean as reduce_mean
    from headrace.ops.math.functions import reduce_min as reduce_min
    from headrace.ops.math.functions import reduce_prod as reduce_prod
    from headrace.ops.math.functions import reduce_sum as reduce_sum
    from headrace.ops.math.functions import round as round
    from headrace.ops.math.functions import saturate_cast as saturate_cast
    from headrace.ops.math.functions import scalar_mul as scalar_mul
    from headrace.ops.math.functions import truediv as truediv
    from headrace.ops.math.unary import acos as acos
    from headrace.ops.math.unary import acosh as acosh
    from headrace.ops.math.unary import asin as asin
    from headrace.ops.math.unary import asinh as asinh
    from headrace.ops.math.unary import atan as atan
    from headrace.ops.math.unary import atanh as atanh
    from headrace.ops.math.unary import cos as cos
    from headrace.ops.math.unary import cosh as cosh
    from headrace.ops.math.unary import exp as exp
    from headrace.ops.math.unary import floor as floor
    from headrace.ops.math.unary import negative as negative
    from headrace.ops.math.unary import sigmoid as sigmoid
    from headrace.ops.math.unary import sign as sign
    from headrace.ops.math.unary import sin as sin
    from headrace.ops.math.unary import sinh as sinh
    from headrace.ops.math.unary import sqrt as sqrt
    from headrace.ops.math.unary import square as square
    from headrace.ops.math.unary import tan as tan
    from headrace.ops.math.unary import tanh as tanh
    from headrace.ops.strings.hashing import fingerprint as fingerprint
    from headrace.ops.strings.numeric import as_string as as_string
    from headrace.proto.public import make_ndarray as make_ndarray
    from headrace.proto.public import make_tensor_proto as make_tensor_proto
    from headrace.ragged.tensor import RaggedTensor as RaggedTensor
    from headrace.ragged.tensor import RaggedTensorSpec as RaggedTensorSpec
    from headrace.runtime.placement import device as device
    from headrace.runtime.startup import start as _start
    from headrace.sparse.sets import edit_distance as edit_distance
    from headrace.sparse.tensor import SparseTensor as SparseTensor
    from headrace.sparse.tensor import SparseTensorSpec as SparseTensorSpec
    from headrace.state.critical_section import CriticalSection as CriticalSection
    from headrace.state.initializers import ConstantInitializer as constant_initializer
    from headrace.state.initializers import OnesInitializer as ones_initializer
    from headrace.state.initializers import RandomNormalInitializer as random_normal_initializer
    from headrace.state.initializers import RandomUniformInitializer as random_uniform_initializer
    from headrace.state.initializers import ZerosInitializer as zeros_initializer
    from headrace.state.module import Module as Module
    from headrace.state.module import name_scope as name_scope
    from headrace.state.variable import Variable as Variable
    from headrace.state.variable import VariableAggregation as VariableAggregation
    from headrace.state.variable import VariableSynchronization as VariableSynchronization
    from headrace.trace.control.branching import case as case
    from headrace.trace.control.branching import cond as cond
    from headrace.trace.control.branching import switch_case as switch_case
    from headrace.trace.control.looping import while_loop as while_loop
    from headrace.trace.control.mapping import foldl as foldl
    from headrace.trace.control.mapping import foldr as foldr
    from headrace.trace.control.mapping import map_fn as map_fn
    from headrace.trace.control.mapping import scan as scan
    from headrace.trace.control.mapping import vectorized_map as vectorized_map
    from headrace.trace.control.tensor_array import TensorArray as TensorArray
    from headrace.trace.function import function as function
    from headrace.trace.optional import OptionalSpec as OptionalSpec
    from headrace.trace.symbolic import gradients as gradients
    from headrace.trace.symbolic import hessians as hessians
    from headrace.trace.symbolic import is_symbolic_tensor as is_symbolic_tensor
    from headrace.trace.symbolic import type_spec_from_value as type_spec_from_value

    _start()

    newaxis = None

    _explain_missing_names(
        _sys.modules[__name__],
        lazy={
            "headrace.keras": "headrace.keras",
            "headrace.test": "headrace.testing",
            "headrace.compat.v1.test": "headrace.testing",
            "headrace.compat.v1.flags": "absl.flags",
        },
    )
else:
    _explain_absence(_sys.modules[__name__])
