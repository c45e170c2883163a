"""tf.io."""

from headrace.data.example import FixedLenFeature as FixedLenFeature
from headrace.data.tfrecord import TFRecordOptions as TFRecordOptions
from headrace.data.tfrecord import TFRecordWriter as TFRecordWriter
