"""tf.experimental: values that may be missing."""

from headrace.experimental import dtensor as dtensor
from headrace.ragged.row_partition import RowPartition as RowPartition
from headrace.trace.optional import Optional as Optional
