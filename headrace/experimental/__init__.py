"""tf.experimental: values that may be missing."""

from headrace.experimental import dtensor as dtensor
from headrace.trace.optional import Optional as Optional
