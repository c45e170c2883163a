"""tf.train."""

from headrace.proto.messages import BytesList as BytesList
from headrace.proto.messages import Example as Example
from headrace.proto.messages import Feature as Feature
from headrace.proto.messages import Features as Features
from headrace.proto.messages import FloatList as FloatList
from headrace.proto.messages import Int64List as Int64List
