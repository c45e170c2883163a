"""tf.compat: text and bytes, sizes that may be unknown, and what is left of TensorFlow 1."""

from headrace.compat import v1 as v1
from headrace.compat import v2 as v2
from headrace.compat.alias import install as install
from headrace.compat.alias import uninstall as uninstall
from headrace.core.text import as_bytes as as_bytes
from headrace.core.text import as_str as as_str
from headrace.core.text import as_str_any as as_str_any
from headrace.core.text import as_text as as_text
from headrace.core.text import bytes_or_text_types as bytes_or_text_types
from headrace.core.text import complex_types as complex_types
from headrace.core.text import dimension_at_index as dimension_at_index
from headrace.core.text import dimension_value as dimension_value
from headrace.core.text import forward_compatible as forward_compatible
from headrace.core.text import integral_types as integral_types
from headrace.core.text import path_to_str as path_to_str
from headrace.core.text import real_types as real_types
