"""tf.graph_util."""

from headrace.saved_model.v1.frozen import import_graph_def as import_graph_def
