"""Linear operators: matrices known by what they do. `tf.linalg` has them."""
