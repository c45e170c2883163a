"""tf.autograph: Python control flow over tensors, converted."""

from headrace.trace.autograph import experimental as experimental
from headrace.trace.autograph.calls import to_code as to_code
from headrace.trace.autograph.calls import to_graph as to_graph
