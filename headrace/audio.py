"""tf.audio: WAV files."""

from headrace.ops.signal.wav import decode_wav as decode_wav
from headrace.ops.signal.wav import encode_wav as encode_wav
