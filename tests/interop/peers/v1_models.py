"""Models of TensorFlow 1: a graph in a session, saved without objects. Runs under real TensorFlow.

v1_models.py write FOLDER   writes every model to FOLDER/<name>, with what it computes to FOLDER/<name>.json, and prints the names
v1_models.py read FOLDER    runs the models in FOLDER, without sparse inputs, with the feeds of the files, and prints the results

The graphs are built with control flow v1 (Switch, Merge, Enter, Exit), which TensorFlow 1.15 wrote by default.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
Signatures = dict[str, tuple[dict[str, Any], dict[str, Any]]]
Feeds = dict[str, list[dict[str, Any]]]
"""By signature, what is fed in turn."""
MODELS: dict[str, Callable[..., Any]] = {}
RNG = np.random.default_rng(7)


def model(function: Callable[..., Any]) -> Callable[..., Any]:
    """Registers a model: a function of the session that gives signatures, feeds, and keyword arguments for the builder."""
    MODELS[function.__name__] = function
    return function


def numbers(*shape: int) -> Any:
    """Reproducible float32 values."""
    return RNG.standard_normal(shape).astype(np.float32)


def placeholder(name: str, *shape: int | None, dtype: Any = tf.float32) -> Any:
    """A placeholder of the default graph."""
    return v1.placeholder(dtype, shape, name)


@model
def dense(session: Any) -> Any:
    """Reference variables."""
    x = placeholder("x", None, 3)
    w = v1.get_variable("w", initializer=numbers(3, 2), use_resource=False)
    b = v1.get_variable("b", initializer=numbers(2), use_resource=False, trainable=False)
    y = tf.nn.relu(tf.matmul(x, w) + b)
    return {"serving_default": ({"x": x}, {"y": y})}, {"serving_default": [{"x": numbers(4, 3)}]}, {}


@model
def resource_variables(session: Any) -> Any:
    """Variables behind handles, and two signatures, one of them fed in the middle of the graph."""
    x = placeholder("x", None, 3)
    w = v1.get_variable("w", initializer=numbers(3, 3), use_resource=True)
    hidden = tf.matmul(x, w, name="hidden")
    y = tf.tanh(hidden @ w)
    signatures = {"serving_default": ({"x": x}, {"y": y, "hidden": hidden}), "tail": ({"h": hidden}, {"y": y})}
    return signatures, {"serving_default": [{"x": numbers(2, 3)}], "tail": [{"h": numbers(2, 3)}]}, {}


@model
def partitioned(session: Any) -> Any:
    """A variable in three parts."""
    ids = placeholder("ids", None, dtype=tf.int32)
    with v1.variable_scope("parts", partitioner=v1.fixed_size_partitioner(3)):
        table = v1.get_variable("table", [10, 4], initializer=v1.random_normal_initializer(), use_resource=False)
    return (
        {"look": ({"ids": ids}, {"rows": v1.nn.embedding_lookup(table, ids, "div")})},
        {"look": [{"ids": np.array([0, 9, 4, 3], np.int32)}]},
        {},
    )


@model
def conditional(session: Any) -> Any:
    """Branches: nested, with constants, outer values and a variable, and several results."""
    x = placeholder("x", None)
    w = v1.get_variable("w", initializer=np.float32(3.0), use_resource=False)
    total = tf.reduce_sum(x)

    def positive() -> Any:
        return v1.cond(total > 10.0, lambda: (x * w, tf.constant(2)), lambda: (x + 1.0, tf.constant(1)))

    y, kind = v1.cond(total > 0.0, positive, lambda: (tf.reverse(x, [0]), tf.constant(0)))
    again = v1.cond(total > 0.0, lambda: y * 2.0, lambda: y)
    chosen = v1.case([(total < -5.0, lambda: x * 0.0), (total > 5.0, lambda: x - w)], default=lambda: x, exclusive=True)
    feeds = [np.array(v, np.float32) for v in ([1, 2], [20, 1], [-3, 1], [-30, 2])]
    outputs = {"y": y, "kind": kind, "again": again, "chosen": chosen}
    return {"serving_default": ({"x": x}, outputs)}, {"serving_default": [{"x": f} for f in feeds]}, {}


@model
def loops(session: Any) -> Any:
    """Loops: nested, with branches in them, outer values, and a variable that is read in the body."""
    x = placeholder("x", None)
    n = placeholder("n", dtype=tf.int32)
    w = v1.get_variable("w", initializer=np.float32(0.5), use_resource=False)
    r = v1.get_variable("r", initializer=np.float32(0.25), use_resource=True)

    def inner(i: Any, y: Any) -> Any:
        return v1.while_loop(lambda j, _: j < i, lambda j, z: (j + 1, z * w + tf.reduce_sum(x)), [tf.constant(0), y])[1]

    def body(i: Any, y: Any) -> Any:
        z = v1.cond(tf.equal(i % 2, 0), lambda: inner(i, y), lambda: y - r)
        return i + 1, z

    _, y = v1.while_loop(lambda i, _: i < n, body, [tf.constant(0), x])
    grown = v1.while_loop(
        lambda v: tf.size(v) < 10, lambda v: tf.concat([v, v], 0), [x[:1]], shape_invariants=[tf.TensorShape([None])]
    )
    feeds = [{"x": numbers(3), "n": np.int32(k)} for k in (0, 1, 5)]
    return {"serving_default": ({"x": x, "n": n}, {"y": y, "grown": grown})}, {"serving_default": feeds}, {}


@model
def loop_in_branch(session: Any) -> Any:
    """A loop that runs in one branch only."""
    x = placeholder("x", None)
    y = v1.cond(
        tf.reduce_sum(x) > 0.0,
        lambda: v1.while_loop(lambda v: tf.reduce_sum(v) < 100.0, lambda v: v * 2.0, [x]),
        lambda: tf.exp(x),
    )
    feeds = [np.array(v, np.float32) for v in ([1, 2], [-1, 0.5])]
    return {"serving_default": ({"x": x}, {"y": y})}, {"serving_default": [{"x": f} for f in feeds]}, {}


@model
def tensor_arrays(session: Any) -> Any:
    """TensorArrays: read and written in a loop, gathered, scattered, joined and split."""
    x = placeholder("x", None, 2)
    n = tf.shape(x)[0]
    given = tf.TensorArray(tf.float32, size=n).unstack(x)
    made = tf.TensorArray(tf.float32, size=0, dynamic_size=True, element_shape=[2], clear_after_read=False)

    def body(i: Any, total: Any, out: Any) -> Any:
        total = total + given.read(i)
        return i + 1, total, out.write(i, total)

    _, total, made = v1.while_loop(lambda i, *_: i < n, body, [tf.constant(0), tf.zeros([2]), made])
    scattered = tf.TensorArray(tf.float32, size=n, element_shape=[2]).scatter(tf.range(n)[::-1], x)
    split = tf.TensorArray(tf.float32, size=2, infer_shape=False).split(x, [1, n - 1])
    outputs = {
        "total": total,
        "sums": made.stack(),
        "some": made.gather([1, 0]),
        "scattered": scattered.concat(),
        "size": made.size(),
        "tail": split.read(1),
    }
    return {"serving_default": ({"x": x}, outputs)}, {"serving_default": [{"x": numbers(k, 2)} for k in (2, 5)]}, {}


@model
def vocabulary(session: Any) -> Any:
    """Lookup tables from a file, an asset, and from constants."""
    path = Path(sys.argv[2]) / "words.txt"
    path.write_text("red\ngreen\nblue\n")
    words = placeholder("words", None, dtype=tf.string)
    asset = tf.constant(str(path))
    v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, asset)
    table = tf.lookup.StaticVocabularyTable(
        tf.lookup.TextFileInitializer(
            asset, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        ),
        num_oov_buckets=2,
    )
    back = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer([0, 1, 2], ["r", "g", "b"], tf.int64, tf.string), "?")
    ids = table.lookup(words)
    feeds = [{"words": np.array([b"blue", b"red", b"pink"], object)}]
    options = {"main_op": v1.tables_initializer()}
    return {"serving_default": ({"words": words}, {"ids": ids, "letters": back.lookup(ids)})}, {"serving_default": feeds}, options


@model
def sparse(session: Any) -> Any:
    """A sparse input and a sparse output."""
    x = v1.sparse_placeholder(tf.float32, [None, 4], "x")
    w = v1.get_variable("w", initializer=numbers(4, 3), use_resource=False)
    doubled = tf.SparseTensor(x.indices, x.values * 2.0, x.dense_shape)
    outputs = {"y": tf.sparse.sparse_dense_matmul(x, w), "doubled": doubled}
    feed = {"x": v1.SparseTensorValue([[0, 1], [1, 3]], np.float32([1.0, -2.0]), [2, 4])}
    return {"serving_default": ({"x": x}, outputs)}, {"serving_default": [feed]}, {}


@model
def examples(session: Any) -> Any:
    """Serialized tf.Example protos, as estimators are served."""
    serialized = placeholder("examples", None, dtype=tf.string)
    spec = {"age": tf.io.FixedLenFeature([2], tf.float32), "word": tf.io.FixedLenFeature([], tf.string, default_value="none")}
    parsed = v1.io.parse_example(serialized, spec)
    score = tf.nn.softmax(tf.matmul(parsed["age"], numbers(2, 3)))
    protos = [
        tf.train.Example(features=tf.train.Features(feature={"age": tf.train.Feature(float_list=tf.train.FloatList(value=v))}))
        for v in ([1.0, 2.0], [0.5, -1.0])
    ]
    feed = {"examples": np.array([p.SerializeToString() for p in protos], object)}
    outputs = {"score": score, "word": tf.strings.upper(parsed["word"])}
    return {"classify": ({"examples": serialized}, outputs)}, {"classify": [feed]}, {}


@model
def layers(session: Any) -> Any:
    """A convolutional network of old layers, with dropout and batch normalization decided by a placeholder with a default."""
    x = placeholder("image", None, 12, 12, 3)
    training = v1.placeholder_with_default(False, [], "training")
    kernel = v1.get_variable("kernel", initializer=numbers(3, 3, 3, 4), use_resource=False)
    scale, offset = (v1.get_variable(n, initializer=numbers(4), use_resource=False) for n in ("scale", "offset"))
    y = tf.nn.conv2d(x, kernel, 2, "SAME")
    mean, variance = v1.cond(training, lambda: tf.nn.moments(y, [0, 1, 2])[:2], lambda: (offset * 0.1, tf.abs(scale) + 1.0))
    y = tf.nn.batch_normalization(y, mean, variance, offset, scale, 1e-3)
    y, _, _ = v1.nn.fused_batch_norm(y, scale, offset, mean, variance, is_training=False)
    y = v1.cond(training, lambda: tf.nn.dropout(y, rate=0.5), lambda: tf.identity(y))
    pooled = tf.reduce_mean(v1.nn.max_pool(tf.nn.relu(y), [1, 2, 2, 1], [1, 2, 2, 1], "VALID"), [1, 2])
    feed = {"image": numbers(2, 12, 12, 3)}
    return {"serving_default": ({"image": x}, {"features": pooled})}, {"serving_default": [feed]}, {}


@model
def recurrent(session: Any) -> Any:
    """A recurrent network over sequences of different lengths: dynamic_rnn as TensorFlow 1 wrote it, spelled out."""
    x = placeholder("x", None, None, 3)
    lengths = placeholder("lengths", None, dtype=tf.int32)
    kernel = v1.get_variable("kernel", initializer=numbers(3 + 4, 16), use_resource=False)
    steps = tf.transpose(x, [1, 0, 2])
    inputs = tf.TensorArray(tf.float32, size=tf.shape(steps)[0]).unstack(steps)
    outputs = tf.TensorArray(tf.float32, size=tf.shape(steps)[0], element_shape=[None, 4])
    zero = tf.zeros([tf.shape(x)[0], 4])

    def body(t: Any, c: Any, h: Any, out: Any) -> Any:
        i, j, f, o = tf.split(tf.matmul(tf.concat([inputs.read(t), h], 1), kernel), 4, 1)
        c_new = c * tf.sigmoid(f + 1.0) + tf.sigmoid(i) * tf.tanh(j)
        h_new = tf.tanh(c_new) * tf.sigmoid(o)
        done = tf.expand_dims(t >= lengths, 1)
        out = out.write(t, tf.where(done, tf.zeros_like(h_new), h_new))
        return t + 1, tf.where(done, c, c_new), tf.where(done, h, h_new), out

    _, _, last, outputs = v1.while_loop(lambda t, *_: t < tf.reduce_max(lengths), body, [0, zero, zero, outputs], swap_memory=True)
    signature = ({"x": x, "lengths": lengths}, {"last": last, "all": tf.transpose(outputs.stack(), [1, 0, 2])})
    feeds = [{"x": numbers(3, 6, 3), "lengths": np.array([6, 2, 4], np.int32)}]
    return {"serving_default": signature}, {"serving_default": feeds}, {}


@model
def guarded(session: Any) -> Any:
    """Assertions, which run for their effects, and a variable that a call counts up."""
    x = placeholder("x", None)
    count = v1.get_variable("count", initializer=np.int32(5), use_resource=True, trainable=False)
    with tf.control_dependencies([v1.Assert(tf.reduce_all(x > 0.0), [x], name="positive")]):
        y = tf.sqrt(x)
    with tf.control_dependencies([count.assign_add(1)]):
        seen = count.read_value()
    signatures = {"serving_default": ({"x": x}, {"y": y}), "count": ({"x": x}, {"seen": seen, "same": tf.identity(x)})}
    feed = {"x": np.array([4.0, 9.0], np.float32)}
    return signatures, {"serving_default": [feed], "count": [feed, feed]}, {}


@model
def reference_counter(session: Any) -> Any:
    """A reference variable that is assigned to and read again."""
    x = placeholder("x")
    total = v1.get_variable("total", initializer=np.float32(1.0), use_resource=False)
    added = v1.assign_add(total, x)
    with tf.control_dependencies([added]):
        after = total.read_value()
    outputs = {"given": added, "after": after}
    return {"serving_default": ({"x": x}, outputs)}, {"serving_default": [{"x": np.float32(2.0)}, {"x": np.float32(3.0)}]}, {}


@model
def frozen(session: Any) -> Any:
    """A model without variables, whose function library is used by the graph."""

    @tf.function
    def twice(v: Any) -> Any:
        return tf.where(v > 0, v * 2.0, v)

    x = placeholder("x", None)
    return {"serving_default": ({"x": x}, {"y": twice(x)})}, {"serving_default": [{"x": numbers(5)}]}, {}


def _plain(value: Any) -> Any:
    if isinstance(value, v1.SparseTensorValue):
        return {part: _plain(np.asarray(getattr(value, part))) for part in ("indices", "values", "dense_shape")}
    array = np.asarray(value)
    items = [v.decode() if isinstance(v, bytes) else v for v in array.reshape(-1).tolist()]
    return {"dtype": "string" if array.dtype == object else str(array.dtype), "shape": list(array.shape), "items": items}


def _feed(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype == object:
        return {"strings": [v.hex() for v in value.tolist()]}
    return _plain(value)


def write(folder: Path, name: str) -> None:
    """Builds a model, saves it, and writes down what it computes."""
    with tf.Graph().as_default(), v1.Session() as session:
        signatures, feeds, options = MODELS[name](session)
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        builder = v1.saved_model.Builder(str(folder / name))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {
                key: v1.saved_model.build_signature_def(
                    {k: v1.saved_model.build_tensor_info(t) for k, t in inputs.items()},
                    {k: v1.saved_model.build_tensor_info(t) for k, t in outputs.items()},
                    v1.saved_model.signature_constants.PREDICT_METHOD_NAME,
                )
                for key, (inputs, outputs) in signatures.items()
            },
            assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
            **options,
        )
        builder.save()
        found = {}
        for key, given in feeds.items():
            inputs, outputs = signatures[key]
            runs = [session.run(outputs, {inputs[k]: v for k, v in feed.items()}) for feed in given]
            found[key] = [
                {"feed": {k: _feed(v) for k, v in feed.items()}, "outputs": {k: _plain(v) for k, v in run.items()}}
                for feed, run in zip(given, runs, strict=True)
            ]
    (folder / f"{name}.json").write_text(json.dumps(found))


def write_tagged(folder: Path) -> None:
    """Two graphs in one SavedModel, with the same variables."""
    builder = v1.saved_model.Builder(str(folder / "tagged"))
    for tags, factor in ((["serve"], 2.0), (["train"], 3.0)):
        with tf.Graph().as_default(), v1.Session() as session:
            x = placeholder("x")
            w = v1.get_variable("w", initializer=np.float32(5.0), use_resource=False)
            signature = v1.saved_model.predict_signature_def({"x": x}, {"y": x * w * factor})
            session.run(v1.global_variables_initializer())
            if tags == ["serve"]:
                builder.add_meta_graph_and_variables(session, tags, {"serving_default": signature})
            else:
                builder.add_meta_graph(tags, {"serving_default": signature})
    builder.save()


def write_frozen(folder: Path) -> None:
    """A graph whose variables became constants."""
    with tf.Graph().as_default() as graph, v1.Session() as session:
        x = placeholder("x", None, 2)
        w = v1.get_variable("w", initializer=np.float32([[1.0, 2.0], [3.0, 4.0]]), use_resource=False)
        tf.identity(v1.cond(tf.reduce_sum(x) > 0.0, lambda: tf.matmul(x, w), lambda: x), "y")
        session.run(v1.global_variables_initializer())
        constant = v1.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), ["y"])
    (folder / "frozen.pb").write_bytes(constant.SerializeToString())


def read(folder: Path) -> dict[str, Any]:
    """What the models compute, in the form in which `write` wrote it down."""
    found: dict[str, Any] = {}
    for path in sorted(folder.glob("*.json")):
        loaded = tf.saved_model.load(str(folder / path.stem))
        found[path.stem] = {
            key: [
                {"feed": run["feed"], "outputs": {k: _plain(v.numpy()) for k, v in loaded.signatures[key](**_tensors(run)).items()}}
                for run in runs
            ]
            for key, runs in json.loads(path.read_text()).items()
        }
    return found


def _tensors(run: dict[str, Any]) -> dict[str, Any]:
    feeds = {}
    for key, value in run["feed"].items():
        if "strings" in value:
            feeds[key] = tf.constant([bytes.fromhex(item) for item in value["strings"]])
        else:
            feeds[key] = tf.constant(np.array(value["items"], value["dtype"]).reshape(value["shape"]))
    return feeds


def main(mode: str, target: str) -> None:
    """Writes every model, or runs those that are there."""
    folder = Path(target)
    if mode == "read":
        print(json.dumps(read(folder)))
        return
    v1.disable_control_flow_v2()
    v1.disable_tensor_equality()
    folder.mkdir(parents=True, exist_ok=True)
    for name in MODELS:
        write(folder, name)
    write_tagged(folder)
    write_frozen(folder)
    print(json.dumps(list(MODELS)))


if __name__ == "__main__":
    main(*sys.argv[1:])
