"""Headrace: TensorFlow's API, formats and protocols on a small, readable implementation. `import headrace as tf`."""

import jax as _jax

_jax.config.update("jax_enable_x64", True)

from headrace.dispatch import context as _context  # noqa: E402
from headrace.runtime.eager import EagerExecutor as _EagerExecutor  # noqa: E402

_context.install(_EagerExecutor())

import headrace.ops  # noqa: E402

from headrace.dtypes import *  # noqa: E402, F403
from headrace.dispatch.convert import convert_to_tensor as convert_to_tensor  # noqa: E402

# --- math: end
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
from headrace import nest as nest  # noqa: E402
from headrace import optimizers as optimizers  # noqa: E402
from headrace import raw_ops as raw_ops  # noqa: E402

newaxis = None
__version__ = "0.1.0"
