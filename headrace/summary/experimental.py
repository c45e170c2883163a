"""tf.summary.experimental."""

from headrace.summary.recording import get_step as get_step
from headrace.summary.recording import set_step as set_step
from headrace.summary.recording import summary_scope as summary_scope
from headrace.summary.values import write_raw_pb as write_raw_pb
