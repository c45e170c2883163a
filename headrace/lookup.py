"""tf.lookup: tables on the host."""

from headrace.state import mutable_tables as experimental
from headrace.state.table_initializers import KeyValueTensorInitializer as KeyValueTensorInitializer
from headrace.state.table_initializers import TextFileIndex as TextFileIndex
from headrace.state.table_initializers import TextFileInitializer as TextFileInitializer
from headrace.state.tables import StaticHashTable as StaticHashTable
from headrace.state.tables import StaticVocabularyTable as StaticVocabularyTable
