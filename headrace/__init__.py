"""Headrace: TensorFlow's API, formats and protocols on a small, readable implementation. `import headrace as tf`."""

import jax as _jax

_jax.config.update("jax_enable_x64", True)

from headrace.dispatch import context as _context  # noqa: E402
from headrace.runtime.eager import EagerExecutor as _EagerExecutor  # noqa: E402

_context.install(_EagerExecutor())

import headrace.ops  # noqa: E402

from headrace.dtypes import *  # noqa: E402, F403
from headrace.dispatch.convert import convert_to_tensor as convert_to_tensor  # noqa: E402

from headrace import bitwise as bitwise  # noqa: E402
from headrace import math as math  # noqa: E402
from headrace import signal as signal  # noqa: E402
from headrace.ops.math.clipping import clip_by_global_norm as clip_by_global_norm  # noqa: E402
from headrace.ops.math.clipping import clip_by_norm as clip_by_norm  # noqa: E402
from headrace.ops.math.clipping import clip_by_value as clip_by_value  # noqa: E402
from headrace.ops.math.comparison import greater as greater  # noqa: E402
from headrace.ops.math.comparison import greater_equal as greater_equal  # noqa: E402
from headrace.ops.math.comparison import less as less  # noqa: E402
from headrace.ops.math.comparison import less_equal as less_equal  # noqa: E402
from headrace.ops.math.comparison import logical_and as logical_and  # noqa: E402
from headrace.ops.math.comparison import logical_not as logical_not  # noqa: E402
from headrace.ops.math.comparison import logical_or as logical_or  # noqa: E402
from headrace.ops.math.contraction import einsum as einsum  # noqa: E402
from headrace.ops.math.contraction import histogram_fixed_width as histogram_fixed_width  # noqa: E402
from headrace.ops.math.contraction import matmul as matmul  # noqa: E402
from headrace.ops.math.contraction import tensordot as tensordot  # noqa: E402
from headrace.ops.math.conversion import bitcast as bitcast  # noqa: E402
from headrace.ops.math.elementwise import add as add  # noqa: E402
from headrace.ops.math.elementwise import atan2 as atan2  # noqa: E402
from headrace.ops.math.elementwise import maximum as maximum  # noqa: E402
from headrace.ops.math.elementwise import minimum as minimum  # noqa: E402
from headrace.ops.math.elementwise import multiply as multiply  # noqa: E402
from headrace.ops.math.elementwise import power as pow  # noqa: E402
from headrace.ops.math.elementwise import subtract as subtract  # noqa: E402
from headrace.ops.math.functions import abs as abs  # noqa: E402
from headrace.ops.math.functions import add_n as add_n  # noqa: E402
from headrace.ops.math.functions import argmax as argmax  # noqa: E402
from headrace.ops.math.functions import argmin as argmin  # noqa: E402
from headrace.ops.math.functions import cast as cast  # noqa: E402
from headrace.ops.math.functions import complex as complex  # noqa: E402
from headrace.ops.math.functions import cumsum as cumsum  # noqa: E402
from headrace.ops.math.functions import divide as divide  # noqa: E402
from headrace.ops.math.functions import equal as equal  # noqa: E402
from headrace.ops.math.functions import not_equal as not_equal  # noqa: E402
from headrace.ops.math.functions import reduce_all as reduce_all  # noqa: E402
from headrace.ops.math.functions import reduce_any as reduce_any  # noqa: E402
from headrace.ops.math.functions import reduce_logsumexp as reduce_logsumexp  # noqa: E402
from headrace.ops.math.functions import reduce_max as reduce_max  # noqa: E402
from headrace.ops.math.functions import reduce_mean as reduce_mean  # noqa: E402
from headrace.ops.math.functions import reduce_min as reduce_min  # noqa: E402
from headrace.ops.math.functions import reduce_prod as reduce_prod  # noqa: E402
from headrace.ops.math.functions import reduce_sum as reduce_sum  # noqa: E402
from headrace.ops.math.functions import round as round  # noqa: E402
from headrace.ops.math.functions import saturate_cast as saturate_cast  # noqa: E402
from headrace.ops.math.functions import scalar_mul as scalar_mul  # noqa: E402
from headrace.ops.math.functions import truediv as truediv  # noqa: E402
from headrace.ops.math.unary import acos as acos  # noqa: E402
from headrace.ops.math.unary import acosh as acosh  # noqa: E402
from headrace.ops.math.unary import asin as asin  # noqa: E402
from headrace.ops.math.unary import asinh as asinh  # noqa: E402
from headrace.ops.math.unary import atan as atan  # noqa: E402
from headrace.ops.math.unary import atanh as atanh  # noqa: E402
from headrace.ops.math.unary import cos as cos  # noqa: E402
from headrace.ops.math.unary import cosh as cosh  # noqa: E402
from headrace.ops.math.unary import exp as exp  # noqa: E402
from headrace.ops.math.unary import floor as floor  # noqa: E402
from headrace.ops.math.unary import negative as negative  # noqa: E402
from headrace.ops.math.unary import sigmoid as sigmoid  # noqa: E402
from headrace.ops.math.unary import sign as sign  # noqa: E402
from headrace.ops.math.unary import sin as sin  # noqa: E402
from headrace.ops.math.unary import sinh as sinh  # noqa: E402
from headrace.ops.math.unary import sqrt as sqrt  # noqa: E402
from headrace.ops.math.unary import square as square  # noqa: E402
from headrace.ops.math.unary import tan as tan  # noqa: E402
from headrace.ops.math.unary import tanh as tanh  # noqa: E402
# --- math: end
from headrace.core.shapes import broadcast_static_shape as broadcast_static_shape  # noqa: E402
from headrace.ops.array.creation import eye as eye  # noqa: E402
from headrace.ops.array.creation import fill as fill  # noqa: E402
from headrace.ops.array.creation import linspace as linspace  # noqa: E402
from headrace.ops.array.creation import meshgrid as meshgrid  # noqa: E402
from headrace.ops.array.creation import one_hot as one_hot  # noqa: E402
from headrace.ops.array.creation import ones as ones  # noqa: E402
from headrace.ops.array.creation import ones_like as ones_like  # noqa: E402
from headrace.ops.array.creation import range as range  # noqa: E402
from headrace.ops.array.creation import sequence_mask as sequence_mask  # noqa: E402
from headrace.ops.array.creation import zeros as zeros  # noqa: E402
from headrace.ops.array.creation import zeros_like as zeros_like  # noqa: E402
from headrace.ops.array.gathering import boolean_mask as boolean_mask  # noqa: E402
from headrace.ops.array.gathering import gather as gather  # noqa: E402
from headrace.ops.array.gathering import gather_nd as gather_nd  # noqa: E402
from headrace.ops.array.gathering import scatter_nd as scatter_nd  # noqa: E402
from headrace.ops.array.gathering import tensor_scatter_nd_add as tensor_scatter_nd_add  # noqa: E402
from headrace.ops.array.gathering import tensor_scatter_nd_max as tensor_scatter_nd_max  # noqa: E402
from headrace.ops.array.gathering import tensor_scatter_nd_min as tensor_scatter_nd_min  # noqa: E402
from headrace.ops.array.gathering import tensor_scatter_nd_sub as tensor_scatter_nd_sub  # noqa: E402
from headrace.ops.array.gathering import tensor_scatter_nd_update as tensor_scatter_nd_update  # noqa: E402
from headrace.ops.array.identity import ensure_shape as ensure_shape  # noqa: E402
from headrace.ops.array.identity import guarantee_const as guarantee_const  # noqa: E402
from headrace.ops.array.identity import identity as identity  # noqa: E402
from headrace.ops.array.identity import stop_gradient as stop_gradient  # noqa: E402
from headrace.ops.array.joining import broadcast_dynamic_shape as broadcast_dynamic_shape  # noqa: E402
from headrace.ops.array.joining import broadcast_to as broadcast_to  # noqa: E402
from headrace.ops.array.joining import concat as concat  # noqa: E402
from headrace.ops.array.joining import parallel_stack as parallel_stack  # noqa: E402
from headrace.ops.array.joining import repeat as repeat  # noqa: E402
from headrace.ops.array.joining import split as split  # noqa: E402
from headrace.ops.array.joining import stack as stack  # noqa: E402
from headrace.ops.array.joining import tile as tile  # noqa: E402
from headrace.ops.array.joining import unstack as unstack  # noqa: E402
from headrace.ops.array.padding import pad as pad  # noqa: E402
from headrace.ops.array.padding import reverse as reverse  # noqa: E402
from headrace.ops.array.padding import reverse_sequence as reverse_sequence  # noqa: E402
from headrace.ops.array.padding import roll as roll  # noqa: E402
from headrace.ops.array.selecting import dynamic_partition as dynamic_partition  # noqa: E402
from headrace.ops.array.selecting import dynamic_stitch as dynamic_stitch  # noqa: E402
from headrace.ops.array.selecting import unique as unique  # noqa: E402
from headrace.ops.array.selecting import unique_with_counts as unique_with_counts  # noqa: E402
from headrace.ops.array.selecting import where as where  # noqa: E402
from headrace.ops.array.shaping import expand_dims as expand_dims  # noqa: E402
from headrace.ops.array.shaping import rank as rank  # noqa: E402
from headrace.ops.array.shaping import reshape as reshape  # noqa: E402
from headrace.ops.array.shaping import shape as shape  # noqa: E402
from headrace.ops.array.shaping import shape_n as shape_n  # noqa: E402
from headrace.ops.array.shaping import size as size  # noqa: E402
from headrace.ops.array.shaping import squeeze as squeeze  # noqa: E402
from headrace.ops.array.shaping import transpose as transpose  # noqa: E402
from headrace.ops.array.shaping import unravel_index as unravel_index  # noqa: E402
from headrace.ops.array.sorting import argsort as argsort  # noqa: E402
from headrace.ops.array.sorting import searchsorted as searchsorted  # noqa: E402
from headrace.ops.array.sorting import sort as sort  # noqa: E402
from headrace.ops.array.space import batch_to_space as batch_to_space  # noqa: E402
from headrace.ops.array.space import space_to_batch as space_to_batch  # noqa: E402
from headrace.ops.array.strided import strided_slice as strided_slice  # noqa: E402
from headrace.ops.array.identity import identity_tensors as identity_n  # noqa: E402
from headrace.ops.array.strided import slice_ as slice  # noqa: E402
from headrace.ops.linalg.functions import norm as norm  # noqa: E402
from headrace import linalg as linalg  # noqa: E402
# --- array: end
# --- nn: end
# --- state: end
from headrace.autodiff.tape import GradientTape as GradientTape  # noqa: E402
from headrace.autodiff.tape import UnconnectedGradients as UnconnectedGradients  # noqa: E402
from headrace.autodiff.tape import custom_gradient as custom_gradient  # noqa: E402
from headrace.core.shapes import TensorShape as TensorShape  # noqa: E402
from headrace.core.spec import TensorSpec as TensorSpec  # noqa: E402
from headrace.dispatch.composite import IndexedSlices as IndexedSlices  # noqa: E402
from headrace.dispatch.context import executing_eagerly as executing_eagerly  # noqa: E402
from headrace.dispatch.context import init_scope as init_scope  # noqa: E402
from headrace.dispatch.tensor import Tensor as Tensor  # noqa: E402
from headrace.state.module import Module as Module  # noqa: E402
from headrace.state.module import name_scope as name_scope  # noqa: E402
from headrace.state.variable import Variable as Variable  # noqa: E402
from headrace.trace.function import function as function  # noqa: E402
from headrace.dispatch.convert import constant as constant  # noqa: E402
from headrace.dispatch.convert import is_tensor as is_tensor  # noqa: E402
from headrace.runtime.placement import device as device  # noqa: E402
from headrace import config as config  # noqa: E402
from headrace import dtypes as dtypes  # noqa: E402
from headrace import errors as errors  # noqa: E402
from headrace import io as io  # noqa: E402
from headrace import nest as nest  # noqa: E402
from headrace import nn as nn  # noqa: E402
from headrace import random as random  # noqa: E402
from headrace import saved_model as saved_model  # noqa: E402
from headrace import train as train  # noqa: E402
from headrace import optimizers as optimizers  # noqa: E402
from headrace import raw_ops as raw_ops  # noqa: E402

newaxis = None
__version__ = "0.1.0"
