"""tf.lookup: tables on the host."""

from headrace.state import mutable_tables as experimental
from headrace.state.tables import KeyValueTensorInitializer as KeyValueTensorInitializer
from headrace.state.tables import StaticHashTable as StaticHashTable
