"""tf.experimental: values that may be missing, partitions of rows, and NumPy's functions."""

from headrace.experimental import dtensor as dtensor
from headrace.experimental import numpy as numpy
from headrace.ragged.row_partition import RowPartition as RowPartition
from headrace.trace.optional import Optional as Optional
