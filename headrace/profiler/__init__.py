"""tf.profiler."""

from headrace.profiler import experimental as experimental
