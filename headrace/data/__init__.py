"""tf.data: input pipelines; and, beside them, TFRecord files, tf.Example and Fashion-MNIST."""

from headrace.data import experimental as experimental
from headrace.data.pipeline.buffering import AUTOTUNE as AUTOTUNE
from headrace.data.pipeline.dataset import Dataset as Dataset
from headrace.data.pipeline.dataset import DatasetSpec as DatasetSpec
from headrace.data.pipeline.iterators import IteratorSpec as IteratorSpec
from headrace.data.pipeline.iterators import NumpyIterator as NumpyIterator
from headrace.data.pipeline.iterators import OwnedIterator as Iterator
from headrace.data.pipeline.options import Options as Options
from headrace.data.pipeline.options import ThreadingOptions as ThreadingOptions
from headrace.data.pipeline.stage import INFINITE as INFINITE_CARDINALITY
from headrace.data.pipeline.stage import UNKNOWN as UNKNOWN_CARDINALITY
from headrace.data.readers.datasets import FixedLengthRecordDataset as FixedLengthRecordDataset
from headrace.data.readers.datasets import TextLineDataset as TextLineDataset
from headrace.data.readers.datasets import TFRecordDataset as TFRecordDataset
