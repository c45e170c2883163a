"""tf.types."""

from headrace.types import experimental as experimental
