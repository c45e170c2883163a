"""Runs under real TensorFlow: reads SavedModels and bundles, and writes some; prints one JSON document."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool
from tensorflow.python.tools import saved_model_cli


def plain(values: Any) -> Any:
    """Tensors as nested lists."""
    if isinstance(values, dict):
        return {key: plain(value) for key, value in values.items()}
    array = np.asarray(values)
    return [item.decode() for item in array.ravel().tolist()] if array.dtype.kind in "OS" else array.astype(np.float64).tolist()


def run_v1(folder: str, feeds: dict[str, np.ndarray]) -> dict[str, Any]:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        meta = tf.compat.v1.saved_model.load(session, ["serve"], folder)
        signature = meta.signature_def["serving_default"]
        fetches = {key: info.name for key, info in signature.outputs.items()}
        results = {"outputs": session.run(fetches, {signature.inputs[k].name: v for k, v in feeds.items()})}
        bump = meta.signature_def["bump"].outputs["output_0"].name
        counts = [int(session.run(bump)) for _ in range(2)]
        with tempfile.TemporaryDirectory() as place:
            name = {meta.saver_def.filename_tensor_name: f"{place}/again"}
            session.run(meta.saver_def.save_tensor_name, name)
            session.run(bump)
            session.run(meta.saver_def.restore_op_name, name)
        counts.append(int(session.run(bump)))
        return {"outputs": plain(results["outputs"]), "counts": counts}


def run_cli(folder: str, feeds_file: str, feeds: dict[str, np.ndarray]) -> dict[str, Any]:
    """What `saved_model_cli` prints and computes; `show` is called here, since every start takes many seconds."""
    tool = str(Path(sys.executable).with_name("saved_model_cli"))
    chosen = ["--tag_set", "serve", "--signature_def", "serving_default"]
    inputs = ";".join(f"{key}={feeds_file}[{key}]" for key in feeds)
    with tempfile.TemporaryDirectory() as place:
        command = [tool, "run", "--dir", folder, *chosen, "--inputs", inputs, "--outdir", place]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        outputs = {path.stem: plain(np.load(path)) for path in Path(place).glob("*.npy")}
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        saved_model_cli._show_all(folder)
    return {"shown": shown.getvalue(), "outputs": outputs}


class Output(ctypes.Structure):
    """TF_Output."""

    _fields_ = (("operation", ctypes.c_void_p), ("index", ctypes.c_int))


def run_c(folder: str, feed: np.ndarray, key: str) -> list[Any]:
    """One input and one output of serving_default through the C++ loader, by its C interface."""
    library = ctypes.CDLL(os.path.join(os.path.dirname(tf.__file__), "libtensorflow_cc.so.2"))
    core = ctypes.CDLL(os.path.join(os.path.dirname(tf.__file__), "libtensorflow_framework.so.2"))
    pointers = {
        library: ("NewGraph", "NewSessionOptions", "LoadSessionFromSavedModel", "GraphOperationByName"),
        core: ("NewStatus", "Message", "AllocateTensor", "TensorData"),
    }
    for owner, names in pointers.items():
        for name in names:
            getattr(owner, f"TF_{name}").restype = ctypes.c_void_p
    core.TF_Message.restype = ctypes.c_char_p
    status, graph = ctypes.c_void_p(core.TF_NewStatus()), ctypes.c_void_p(library.TF_NewGraph())

    def check() -> None:
        if core.TF_GetCode(status):
            raise RuntimeError(core.TF_Message(status).decode())

    tags = (ctypes.c_char_p * 1)(b"serve")
    options = ctypes.c_void_p(library.TF_NewSessionOptions())
    session = ctypes.c_void_p(library.TF_LoadSessionFromSavedModel(options, None, folder.encode(), tags, 1, graph, None, status))
    check()
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel.FromString((Path(folder) / "saved_model.pb").read_bytes())
    signature = model.meta_graphs[0].signature_def["serving_default"]

    def place(name: str) -> Output:
        operation, index = name.split(":")
        return Output(library.TF_GraphOperationByName(graph, operation.encode()), int(index))

    (info,) = signature.inputs.values()
    dims = (ctypes.c_int64 * feed.ndim)(*feed.shape)
    tensor = ctypes.c_void_p(core.TF_AllocateTensor(info.dtype, dims, feed.ndim, ctypes.c_size_t(feed.nbytes)))
    ctypes.memmove(core.TF_TensorData(tensor), feed.tobytes(), feed.nbytes)
    ins, outs = (Output * 1)(place(info.name)), (Output * 1)(place(signature.outputs[key].name))
    values, results = (ctypes.c_void_p * 1)(tensor.value), (ctypes.c_void_p * 1)()
    library.TF_SessionRun(session, None, ins, values, 1, outs, results, 1, None, 0, None, status)
    check()
    shape = [core.TF_Dim(ctypes.c_void_p(results[0]), i) for i in range(core.TF_NumDims(ctypes.c_void_p(results[0])))]
    data = ctypes.string_at(core.TF_TensorData(ctypes.c_void_p(results[0])), int(np.prod(shape)) * 4)
    return plain(np.frombuffer(data, np.float32).reshape(shape))


def read(folder: str, feeds_file: str, bundle: str) -> dict[str, Any]:
    """What every loader of TensorFlow makes of the sample model of tests/saved_model/sample.py, and of a bundle."""
    feeds = dict(np.load(feeds_file))
    loaded = tf.saved_model.load(folder)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(loaded.predict(tf.constant(feeds["x"]))["y"])
    one = tf.ones([2])
    return {
        "signature": plain(loaded.signatures["serving_default"](**{k: tf.constant(v) for k, v in feeds.items()})),
        "function": plain(loaded.predict(tf.constant(feeds["x"]))),
        "counts": [int(loaded.bump()), int(loaded.signatures["bump"]()["output_0"])],
        "polymorphic": [plain(loaded.scale(one, training=True)), plain(loaded.scale(one, 4)[0])],
        "variables": {"w": plain(loaded.w), "name": loaded.table["name"].numpy().decode(), "b": plain(loaded.layers[0])},
        "gradient": plain(tape.gradient(total, loaded.layers[0])),
        "trainable": [bool(loaded.w.trainable), bool(loaded.table["count"].trainable)],
        "v1": run_v1(folder, feeds),
        "cli": run_cli(folder, feeds_file, feeds),
        "c": run_c(folder, feeds["x"], "y"),
        "fingerprint": tf.saved_model.experimental.read_fingerprint(folder).singleprint().count("/"),
        "bundle": read_bundle(bundle),
        "keys": sorted(name for name, _ in tf.train.list_variables(f"{folder}/variables/variables")),
    }


class Model(tf.Module):
    """Made of ops that Headrace has."""

    def __init__(self) -> None:
        super().__init__()
        self.w = tf.Variable(tf.reshape(tf.range(6.0), [3, 2]) / 10, name="w")
        self.layers = [tf.Variable([0.5, -0.5], name="b"), tf.Module()]
        self.layers[1].inner = tf.Variable(2.0, trainable=False)
        self.table = {"count": tf.Variable(1), "name": tf.Variable("text")}
        self.pair = (tf.Variable(3.0), tf.Variable(4.0))
        self.offset = tf.constant([10.0, 20.0])

    @tf.function(input_signature=[tf.TensorSpec([None, 3])])
    def predict(self, x: Any) -> Any:
        y = tf.matmul(x, self.w) + self.layers[0]
        return {"y": tf.tanh(y) * self.offset, "total": tf.reduce_sum(y, axis=1)}

    @tf.function
    def scale(self, x: Any, times: Any = 3, *, training: bool = False) -> Any:
        return x * 2.0 if training else (x * float(times), [x])

    @tf.function(input_signature=[])
    def bump(self) -> Any:
        return self.table["count"].assign_add(1)

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def unknown(self, x: Any) -> Any:
        return tf.raw_ops.SdcaFprint(input=tf.reshape(x, [1]))

    @tf.function(input_signature=[tf.TensorSpec([], tf.string, "text")])
    def lacking(self, text: Any) -> Any:
        return {"y": tf.cond(tf.strings.length(text) > 2, lambda: self.unknown(text), lambda: tf.zeros([1, 2], tf.int64))}


def write(folder: str, bundle: str, descriptors: str) -> dict[str, Any]:
    """Writes a model and bundles; returns what the model computes, and how our message descriptors differ."""
    model = Model()
    x = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)
    model.scale(tf.ones([2]), training=True)
    model.scale(tf.ones([2]), 4)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model.predict(x)["y"])
    expected = {"x": plain(x), "outputs": plain(model.predict(x)), "gradient": plain(tape.gradient(total, model.w))}
    signatures = {"serving_default": model.predict, "bump": model.bump, "lacking": model.lacking}
    tf.saved_model.save(model, folder, signatures=signatures)
    return expected | {"tensors": write_bundle(bundle), "differences": differences(descriptors)}


NUMBERS = ["float32", "float64", "int32", "uint8", "int16", "int8", "int64", "uint16", "float16", "uint32", "uint64", "bfloat16"]
NUMBERS += ["float8_e5m2", "float8_e4m3fn", "bool", "complex64", "complex128", "int4", "uint4"]


def sample(name: str) -> Any:
    base = tf.constant([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])
    return tf.cast(tf.cast(base, "int8") if "int4" in name else base, name)


def write_bundle(prefix: str) -> int:
    tensors = {name: sample(name) for name in NUMBERS}
    tensors["string"] = tf.constant([["", "text"], ["x" * 300, "\0"]])
    tensors["empty"] = tf.zeros([0, 3])
    tensors |= {f"many/{i:04d}/of/a/long/name": tf.constant(i) for i in range(500)}
    names = sorted(tensors)
    tf.raw_ops.SaveV2(prefix=prefix, tensor_names=names, shape_and_slices=[""] * len(names), tensors=[tensors[n] for n in names])
    parts = [tf.reshape(tf.range(140), [70, 2]), tf.reshape(tf.range(140, 600), [230, 2])]
    tf.raw_ops.SaveV2(
        prefix=f"{prefix}-sliced", tensor_names=["p", "p"], shape_and_slices=["300 2 0,70:0,2", "300 2 70,230:-"], tensors=parts
    )
    return len(names)


def read_bundle(prefix: str) -> dict[str, Any]:
    reader = tf.train.load_checkpoint(prefix)
    shapes, types = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    names = sorted(shapes)
    values = tf.raw_ops.RestoreV2(
        prefix=prefix, tensor_names=names, shape_and_slices=[""] * len(names), dtypes=[types[name] for name in names]
    )
    plains = [plain(value if value.dtype == tf.string else tf.cast(value, "float32")) for value in values]
    return {name: [types[name].name, shapes[name], value] for name, value in zip(names, plains, strict=True)}


def differences(path: str, package: str = "tensorflow") -> list[str]:
    """Fields and enum values of a compiled FileDescriptorSet that TensorFlow declares otherwise.

    Of packages other than `tensorflow`, messages that the imported modules do not have are passed over.
    """
    importlib.import_module("tensorflow.core.protobuf.tensor_bundle_pb2")
    importlib.import_module("tensorflow.core.protobuf.fingerprint_pb2")
    ours = descriptor_pool.DescriptorPool()
    files = descriptor_pb2.FileDescriptorSet.FromString(Path(path).read_bytes()).file
    for file in files:
        ours.Add(file)
    found: list[str] = []

    def known(find: Any, name: str) -> Any:
        try:
            return find(name)
        except KeyError:
            if package == "tensorflow":
                raise
            return None

    def compare(message: Any) -> None:
        theirs = known(descriptor_pool.Default().FindMessageTypeByName, message.full_name)
        if theirs is None:
            return
        for field in message.fields:
            other = theirs.fields_by_name.get(field.name)
            if other is None or _nature(field) != _nature(other):
                found.append(field.full_name)
        for inner in message.nested_types:
            compare(inner)

    for file in files:
        if file.package != package:
            continue
        for message in ours.FindFileByName(file.name).message_types_by_name.values():
            compare(message)
        for enum in ours.FindFileByName(file.name).enum_types_by_name.values():
            other = known(descriptor_pool.Default().FindEnumTypeByName, enum.full_name)
            theirs = other.values_by_name if other is not None else enum.values_by_name
            found += [value.name for value in enum.values if value.name not in theirs or theirs[value.name].number != value.number]
    return found


def _nature(field: Any) -> Any:
    kind = field.message_type or field.enum_type
    return field.number, field.type, field.is_repeated, kind and kind.full_name


if __name__ == "__main__":
    commands = {"read": read, "write": write}
    document = commands[sys.argv[1]](*sys.argv[2:])
    print()
    print(json.dumps(document))
