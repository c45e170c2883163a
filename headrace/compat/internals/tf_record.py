"""tensorflow.python.lib.io.tf_record: reading record files."""

from headrace.data.tfrecord import tf_record_iterator as tf_record_iterator
