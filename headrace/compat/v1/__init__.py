"""tf.compat.v1: graphs and optimizers of TensorFlow 1."""

from headrace.compat.v1 import train as train
from headrace.proto.messages import AttrValue as AttrValue
from headrace.proto.messages import GraphDef as GraphDef
from headrace.proto.messages import MetaGraphDef as MetaGraphDef
from headrace.proto.messages import NodeDef as NodeDef
from headrace.saved_model.v1.frozen import import_graph_def as import_graph_def
from headrace.saved_model.v1.frozen import wrap_function as wrap_function
