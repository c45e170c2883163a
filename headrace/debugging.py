"""tf.debugging: checks of values, shapes and dtypes."""

from headrace.ops.array.identity import check_numerics as check_numerics
from headrace.ops.host.assertions import assert_all_finite as assert_all_finite
from headrace.ops.host.assertions import assert_equal as assert_equal
from headrace.ops.host.assertions import assert_greater as assert_greater
from headrace.ops.host.assertions import assert_greater_equal as assert_greater_equal
from headrace.ops.host.assertions import assert_integer as assert_integer
from headrace.ops.host.assertions import assert_less as assert_less
from headrace.ops.host.assertions import assert_less_equal as assert_less_equal
from headrace.ops.host.assertions import assert_near as assert_near
from headrace.ops.host.assertions import assert_negative as assert_negative
from headrace.ops.host.assertions import assert_non_negative as assert_non_negative
from headrace.ops.host.assertions import assert_non_positive as assert_non_positive
from headrace.ops.host.assertions import assert_none_equal as assert_none_equal
from headrace.ops.host.assertions import assert_positive as assert_positive
from headrace.ops.host.assertions import assert_proper_iterable as assert_proper_iterable
from headrace.ops.host.assertions import assert_rank as assert_rank
from headrace.ops.host.assertions import assert_rank_at_least as assert_rank_at_least
from headrace.ops.host.assertions import assert_rank_in as assert_rank_in
from headrace.ops.host.assertions import assert_same_float_dtype as assert_same_float_dtype
from headrace.ops.host.assertions import assert_scalar as assert_scalar
from headrace.ops.host.assertions import assert_shapes as assert_shapes
from headrace.ops.host.assertions import assert_true as Assert
from headrace.ops.host.assertions import assert_type as assert_type
from headrace.ops.host.assertions import is_numeric_tensor as is_numeric_tensor
from headrace.runtime.placement import get_log_device_placement as get_log_device_placement
from headrace.runtime.placement import set_log_device_placement as set_log_device_placement
