"""tf.__internal__: what libraries on top of TensorFlow reach for."""

from headrace.compat.internals import distribute as distribute
from headrace.compat.internals import eager_context as eager_context
from headrace.compat.internals import smart_cond as smart_cond
from headrace.compat.internals import tf2 as tf2
from headrace.compat.internals import tracking as tracking
from headrace.compat.internals import types as types
from headrace.core.spec import CompositeTensor as CompositeTensor
from headrace.dispatch.tensor import EagerTensor as EagerTensor
from headrace.trace.func_graph import FuncGraph as FuncGraph
