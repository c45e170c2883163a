"""AutoGraph: Python control flow over tensors becomes graph control flow while a tf.function is traced."""
