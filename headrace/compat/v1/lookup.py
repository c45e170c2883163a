"""tf.compat.v1.lookup: lookup tables, as far as TensorFlow 2 has them under the same names."""

from headrace.state.table_initializers import KeyValueTensorInitializer as KeyValueTensorInitializer
from headrace.state.table_initializers import TextFileIndex as TextFileIndex
from headrace.state.table_initializers import TextFileInitializer as TextFileInitializer
