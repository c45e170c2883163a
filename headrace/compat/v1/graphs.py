"""The default graph of TensorFlow 1, which is not there."""


def reset_default_graph() -> None:
    """Nothing: ops run at once or in the graph of a tf.function, and no other graph gathers them."""
