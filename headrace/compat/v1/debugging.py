"""tf.compat.v1.debugging: checks, as far as TensorFlow 2 has them under the same names."""

from headrace.ops.array.identity import check_numerics as check_numerics
from headrace.ops.host.assertions import assert_integer as assert_integer
from headrace.ops.host.assertions import assert_proper_iterable as assert_proper_iterable
from headrace.ops.host.assertions import assert_same_float_dtype as assert_same_float_dtype
from headrace.ops.host.assertions import assert_shapes as assert_shapes
from headrace.ops.host.assertions import assert_true as Assert
from headrace.ops.host.assertions import assert_type as assert_type
from headrace.ops.host.assertions import is_numeric_tensor as is_numeric_tensor
from headrace.runtime.placement import get_log_device_placement as get_log_device_placement
from headrace.runtime.placement import set_log_device_placement as set_log_device_placement
