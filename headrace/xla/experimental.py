"""tf.xla.experimental."""

from headrace.trace.compiling import compile_computation as compile
from headrace.trace.compiling import jit_scope as jit_scope
