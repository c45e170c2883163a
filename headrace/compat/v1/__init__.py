"""tf.compat.v1: graphs and optimizers of TensorFlow 1."""

from headrace.compat.v1 import data as data
from headrace.compat.v1 import summary as summary
from headrace.compat.v1 import train as train
from headrace.compat.v1.graphs import reset_default_graph as reset_default_graph
from headrace.dtypes import *  # noqa: F403
from headrace.proto.messages import AttrValue as AttrValue
from headrace.proto.messages import Event as Event
from headrace.proto.messages import GraphDef as GraphDef
from headrace.proto.messages import MetaGraphDef as MetaGraphDef
from headrace.proto.messages import NodeDef as NodeDef
from headrace.proto.messages import RunMetadata as RunMetadata
from headrace.proto.messages import Summary as Summary
from headrace.proto.messages import SummaryMetadata as SummaryMetadata
from headrace.proto.public import make_ndarray as make_ndarray
from headrace.proto.public import make_tensor_proto as make_tensor_proto
from headrace.saved_model.v1.frozen import import_graph_def as import_graph_def
from headrace.saved_model.v1.frozen import wrap_function as wrap_function
from headrace.trace.func_graph import placeholder as placeholder
from headrace.trace.func_graph import sparse_placeholder as sparse_placeholder
