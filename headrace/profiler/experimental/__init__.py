"""tf.profiler.experimental: profiles for TensorBoard's profile page."""

from headrace.profiler.experimental import server as server
from headrace.runtime.profiling import Profile as Profile
from headrace.runtime.profiling import ProfilerOptions as ProfilerOptions
from headrace.runtime.profiling import Trace as Trace
from headrace.runtime.profiling import start as start
from headrace.runtime.profiling import stop as stop
