"""tf.compat.v1.data: datasets, and what TensorFlow 1 asked of them."""

from headrace.data import experimental as experimental
from headrace.data.pipeline.dataset import Dataset as Dataset
from headrace.data.pipeline.older import get_output_classes as get_output_classes
from headrace.data.pipeline.older import get_output_shapes as get_output_shapes
from headrace.data.pipeline.older import get_output_types as get_output_types
from headrace.data.pipeline.older import make_one_shot_iterator as make_one_shot_iterator
from headrace.data.pipeline.options import Options as Options
from headrace.data.pipeline.stage import INFINITE as INFINITE_CARDINALITY
from headrace.data.pipeline.stage import UNKNOWN as UNKNOWN_CARDINALITY
from headrace.data.readers.datasets import FixedLengthRecordDataset as FixedLengthRecordDataset
from headrace.data.readers.datasets import TextLineDataset as TextLineDataset
from headrace.data.readers.datasets import TFRecordDataset as TFRecordDataset
