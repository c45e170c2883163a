"""tf.train."""

from headrace.data.example import BytesList as BytesList
from headrace.data.example import Example as Example
from headrace.data.example import Feature as Feature
from headrace.data.example import Features as Features
from headrace.data.example import FloatList as FloatList
from headrace.data.example import Int64List as Int64List
