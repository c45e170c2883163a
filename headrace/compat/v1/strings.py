"""tf.compat.v1.strings: strings, as far as TensorFlow 2 has them under the same names."""

from headrace.ops.strings.editing import lower as lower
from headrace.ops.strings.editing import strip as strip
from headrace.ops.strings.editing import upper as upper
from headrace.ops.strings.formatting import format as format
from headrace.ops.strings.hashing import to_hash_bucket_fast as to_hash_bucket_fast
from headrace.ops.strings.hashing import to_hash_bucket_strong as to_hash_bucket_strong
from headrace.ops.strings.joining import join as join
from headrace.ops.strings.joining import unsorted_segment_join as unsorted_segment_join
from headrace.ops.strings.matching import regex_full_match as regex_full_match
from headrace.ops.strings.matching import regex_replace as regex_replace
from headrace.ops.strings.numeric import as_string as as_string
from headrace.ops.strings.unicode import unicode_transcode as unicode_transcode
from headrace.ragged.strings import bytes_split as bytes_split
from headrace.ragged.strings import ngrams as ngrams
from headrace.ragged.strings import unicode_decode as unicode_decode
from headrace.ragged.strings import unicode_decode_with_offsets as unicode_decode_with_offsets
from headrace.ragged.strings import unicode_encode as unicode_encode
from headrace.ragged.strings import unicode_split as unicode_split
from headrace.ragged.strings import unicode_split_with_offsets as unicode_split_with_offsets
