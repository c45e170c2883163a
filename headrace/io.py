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
from headrace.ops.files.whole import matching_files as matching_files
from headrace.ops.files.whole import read_file as read_file
from headrace.ops.files.whole import write_file as write_file
from headrace.ops.image.boxes import decode_image as decode_image
from headrace.ops.image.codecs import decode_and_crop_jpeg as decode_and_crop_jpeg
from headrace.ops.image.codecs import decode_bmp as decode_bmp
from headrace.ops.image.codecs import decode_gif as decode_gif
from headrace.ops.image.codecs import decode_jpeg as decode_jpeg
from headrace.ops.image.codecs import decode_png as decode_png
from headrace.ops.image.codecs import encode_jpeg as encode_jpeg
from headrace.ops.image.codecs import encode_png as encode_png
from headrace.ops.image.codecs import extract_jpeg_shape as extract_jpeg_shape
from headrace.ops.strings.encoding import decode_base64 as decode_base64
from headrace.ops.strings.encoding import decode_raw as decode_raw
from headrace.ops.strings.encoding import encode_base64 as encode_base64
from headrace.ops.strings.tensors import parse_tensor as parse_tensor
from headrace.ops.strings.tensors import serialize_tensor as serialize_tensor
