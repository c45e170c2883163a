"""tf.profiler.experimental.server."""

from headrace.runtime.profiling import start_server as start
