"""Records into tensors: tf.Example and comma-separated values."""
