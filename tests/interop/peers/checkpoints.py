"""Objects whose values go through checkpoints, for Headrace and real TensorFlow alike.

usage (by TensorFlow's Python): checkpoints.py write|read FOLDER
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np


def build(tf: Any, start: float) -> Any:
    """A Checkpoint over modules, a list, a dict, and variables of many types whose values depend on `start`."""

    class Dense(tf.Module):  # type: ignore[misc]
        """A weight and a bias."""

        def __init__(self, size: int) -> None:
            super().__init__()
            self.weight = tf.Variable(np.arange(size * 2, dtype=np.float32).reshape(size, 2) + np.float32(start))
            self.bias = tf.Variable(tf.zeros([2]) + start, name="bias")

    model = tf.Module()
    model.layers = [Dense(2), Dense(3)]
    model.table = {"a.b/c": tf.Variable(start), "text": tf.Variable([f"{start}", "word"])}
    model.tied = model.layers[0].weight
    kinds = {
        "half": tf.Variable(tf.cast([start, 1.5], tf.bfloat16)),
        "bytes": tf.Variable(np.int8([int(start), -5])),
        "flags": tf.Variable([start > 3, True]),
        "complex": tf.Variable(tf.constant([start + 1j], tf.complex64)),
    }
    return tf.train.Checkpoint(model=model, kinds=kinds, step=tf.Variable(int(start), dtype=tf.int64))


def values(tf: Any, checkpoint: Any) -> dict[str, Any]:
    """What the variables hold."""
    model = checkpoint.model
    found = {
        "weights": [layer.weight for layer in model.layers],
        "biases": [layer.bias for layer in model.layers],
        "table": [model.table["a.b/c"]],
        "tied": [model.tied],
        "step": [checkpoint.step, checkpoint.save_counter],
        "half": [tf.cast(checkpoint.kinds["half"], tf.float32)],
        "bytes": [checkpoint.kinds["bytes"]],
        "flags": [checkpoint.kinds["flags"]],
        "complex": [tf.math.real(checkpoint.kinds["complex"]), tf.math.imag(checkpoint.kinds["complex"])],
    }
    plain = {key: [np.asarray(v.numpy()).tolist() for v in items] for key, items in found.items()}
    return plain | {"text": [item.decode() for item in model.table["text"].numpy().tolist()]}


def write_sharded(tf: Any, checkpoint: Any, prefix: str) -> None:
    """Writes a checkpoint in data files of at most 24 bytes, so that most tensors are in slices."""
    policy = tf.train.experimental.MaxShardSizePolicy(24)
    checkpoint.write(prefix, tf.train.CheckpointOptions(experimental_sharding_callback=policy))


def main(mode: str, folder: str) -> None:
    """Writes checkpoints (of objects, and by names), or reads those of Headrace, and prints the values."""
    import tensorflow as tf

    if mode == "write":
        checkpoint = build(tf, 2.0)
        manager = tf.train.CheckpointManager(checkpoint, folder, max_to_keep=2)
        for _ in range(3):
            checkpoint.step.assign_add(1)
            manager.save()
        write_sharded(tf, checkpoint, f"{folder}/sharded/c")
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            a = tf.compat.v1.get_variable("scope/a", initializer=np.float32([1, 2, 3]), use_resource=True)
            parts = tf.compat.v1.fixed_size_partitioner(2)
            ones = tf.compat.v1.ones_initializer()
            tf.compat.v1.get_variable("parted", [3, 1], initializer=ones, partitioner=parts, use_resource=True)
            session.run(tf.compat.v1.global_variables_initializer())
            tf.compat.v1.train.Saver().save(session, f"{folder}/named/model", write_meta_graph=False)
            del a
        print(json.dumps({"values": values(tf, checkpoint), "checkpoints": [p.split("/")[-1] for p in manager.checkpoints]}))
        return
    checkpoint = build(tf, 7.0)
    latest = tf.train.latest_checkpoint(folder)
    checkpoint.restore(latest).assert_consumed()
    manager = tf.train.CheckpointManager(checkpoint, folder, max_to_keep=2)
    sharded = build(tf, 8.0)
    sharded.restore(f"{folder}/sharded/c").assert_consumed()
    listed = {name: list(shape) for name, shape in tf.train.list_variables(latest)}
    print(
        json.dumps(
            {
                "values": values(tf, checkpoint),
                "checkpoints": [path.split("/")[-1] for path in manager.checkpoints],
                "listed": listed,
                "sharded": values(tf, sharded),
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
