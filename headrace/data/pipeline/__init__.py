"""tf.data: datasets as trees of stages, and the cursors that run them. docs/data.md tells how they work."""
