"""Run by real TensorFlow's Python: optimizes the functions of grappler_cases.py with Grappler and prints what became of them.

usage: python -m tests.passes.peer_grappler
"""

from __future__ import annotations

import json
import os
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
# Grappler's float16 rewrite asks for a GPU; this makes it take the CPU for one.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
os.environ["TF_AUTO_MIXED_PRECISION_GRAPH_REWRITE_SIMULATE_GPU"] = "1"

import tensorflow as tf
from tensorflow.core.protobuf import config_pb2, rewriter_config_pb2
from tensorflow.python.framework.meta_graph import create_meta_graph_def
from tensorflow.python.grappler import tf_optimizer

from tests.passes.grappler_cases import FUSION, PRECISION, SHAPES


def optimized(source: str, optimizer: str) -> Any:
    """The GraphDef of a function after one of Grappler's optimizers."""
    function = eval(f"lambda tf, {', '.join(SHAPES)}: {source}")
    specs = [tf.TensorSpec(shape, tf.float32, name) for name, shape in SHAPES.items()]
    concrete = tf.function(lambda *args: function(tf, *args)).get_concrete_function(*specs)
    definition = concrete.graph.as_graph_def()
    for node in definition.node:
        # Fusions are made where the device is known to be a CPU; the float16 rewrite wants it to be open.
        node.device = "/job:localhost/replica:0/task:0/device:CPU:0" if optimizer == "remap" else ""
    with concrete.graph.as_default():
        meta = create_meta_graph_def(graph_def=definition, graph=concrete.graph)
    meta.collection_def["train_op"].node_list.value.extend(t.op.name for t in concrete.outputs)
    config = config_pb2.ConfigProto()
    options = config.graph_options.rewrite_options
    options.optimizers.append(optimizer)
    options.auto_mixed_precision = rewriter_config_pb2.RewriterConfig.ON
    options.min_graph_nodes = -1
    options.meta_optimizer_iterations = rewriter_config_pb2.RewriterConfig.ONE
    return tf_optimizer.OptimizeGraph(config, meta)


def main() -> None:
    """Prints {"precision": {name: ops in float16}, "fusion": {name: [op, *fused_ops] of each fused node}}."""
    half = tf.float16.as_datatype_enum
    precision = {
        name: sorted(
            node.op for node in optimized(source, "auto_mixed_precision").node if node.op != "Const" and node.attr["T"].type == half
        )
        for name, source in PRECISION.items()
    }
    fusion = {
        name: [
            [node.op, *(step.decode() for step in node.attr["fused_ops"].list.s)]
            for node in optimized(source, "remap").node
            if "fused_ops" in node.attr
        ]
        for name, source in FUSION.items()
    }
    print(json.dumps({"precision": precision, "fusion": fusion}))


if __name__ == "__main__":
    main()
