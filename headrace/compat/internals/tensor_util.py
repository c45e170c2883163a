"""tensorflow.python.framework.tensor_util: what is a tensor."""

from headrace.dispatch.convert import is_tensor as is_tf_type
from headrace.ops.array.portable import get_static_value as constant_value

__all__ = ["constant_value", "is_tf_type"]
