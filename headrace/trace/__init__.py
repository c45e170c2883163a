"""From Python to graphs: the graph builder, tf.function, concrete functions, their cache and their gradients."""
