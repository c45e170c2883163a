"""tf.io."""

from headrace.data.example import FixedLenFeature as FixedLenFeature
from headrace.data.parsing import FixedLenSequenceFeature as FixedLenSequenceFeature
from headrace.data.parsing import RaggedFeature as RaggedFeature
from headrace.data.parsing import SparseFeature as SparseFeature
from headrace.data.parsing import VarLenFeature as VarLenFeature
from headrace.data.parsing import parse_example as parse_example
from headrace.data.parsing import parse_single_example as parse_single_example
from headrace.data.tfrecord import TFRecordOptions as TFRecordOptions
from headrace.data.tfrecord import TFRecordWriter as TFRecordWriter
from headrace.ops.strings.encoding import decode_base64 as decode_base64
from headrace.ops.strings.encoding import decode_raw as decode_raw
from headrace.ops.strings.encoding import encode_base64 as encode_base64
from headrace.ops.strings.tensors import parse_tensor as parse_tensor
from headrace.ops.strings.tensors import serialize_tensor as serialize_tensor
