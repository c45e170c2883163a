"""tf.compat.v1.summary: the messages of event files."""

from headrace.proto.messages import Event as Event
from headrace.proto.messages import Summary as Summary
from headrace.proto.messages import SummaryDescription as SummaryDescription
