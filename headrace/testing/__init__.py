"""tf.test: a TestCase that compares tensors, and what tests ask of the machine."""

from headrace.testing import experimental as experimental
from headrace.testing.case import TestCase as TestCase
from headrace.testing.derivatives import compute_gradient as compute_gradient
from headrace.testing.machine import disable_with_predicate as disable_with_predicate
from headrace.testing.machine import gpu_device_name as gpu_device_name
from headrace.testing.machine import is_built_with_cuda as is_built_with_cuda
from headrace.testing.machine import is_built_with_gpu_support as is_built_with_gpu_support
from headrace.testing.machine import is_built_with_rocm as is_built_with_rocm
from headrace.testing.machine import is_built_with_xla as is_built_with_xla
from headrace.testing.machine import is_cpu_target_available as is_cpu_target_available
from headrace.testing.machine import is_gpu_available as is_gpu_available
from headrace.testing.machine import main as main
from headrace.testing.machine import with_eager_op_as_function as with_eager_op_as_function
