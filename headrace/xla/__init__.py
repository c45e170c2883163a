"""tf.xla."""

from headrace.xla import experimental as experimental
