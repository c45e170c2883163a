"""Summaries as they stand in the file: in functions, from threads, of gradients, confusion and hyperparameters."""

from __future__ import annotations

import gc
import io
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.util.tensor_util import make_ndarray

import headrace as tf
from headrace.core import errors


def values(folder: Path) -> list[tuple[int, str, Any]]:
    """Step, tag and value of everything that the files of a folder hold."""
    found = []
    for path in sorted(folder.glob("*tfevents*")):
        for event in LegacyEventFileLoader(str(path)).Load():
            found += [(event.step, value.tag, make_ndarray(value.tensor)) for value in event.summary.value]
    return found


def metadata(folder: Path) -> Any:
    """The metadata of the only value in a folder."""
    (path,) = folder.glob("*tfevents*")
    (value,) = [value for event in LegacyEventFileLoader(str(path)).Load() for value in event.summary.value]
    return value.metadata


def test_a_function_keeps_the_order_and_the_writer_of_its_trace(tmp_path: Path) -> None:
    first, second = (tf.summary.create_file_writer(str(tmp_path / name)) for name in ("first", "second"))
    total = tf.Variable(0.0)

    @tf.function
    def add(x: Any, step: Any) -> None:
        tf.summary.scalar("before", total, step=step)
        total.assign_add(x)
        tf.summary.scalar("after", total, step=step)
        for i in tf.range(2):
            tf.summary.scalar("loop", total + tf.cast(i, tf.float32), step=step)

    for writer, step in ((first, 1), (second, 2)):
        with writer.as_default():
            add(tf.constant(2.0), tf.constant(step, tf.int64))
    assert values(tmp_path / "second") == []
    first.flush()
    expected = [(1, "before", 0), (1, "after", 2), (1, "loop", 2), (1, "loop", 3)]
    expected += [(2, "before", 2), (2, "after", 4), (2, "loop", 4), (2, "loop", 5)]
    assert values(tmp_path / "first") == expected


def test_a_function_flushes_when_it_runs(tmp_path: Path) -> None:
    writer = tf.summary.create_file_writer(str(tmp_path))

    @tf.function
    def write(x: Any) -> None:
        with writer.as_default(step=1):
            tf.summary.scalar("x", x)

    write(tf.constant(1.0))
    write(tf.constant(2.0))
    assert values(tmp_path) == [(1, "x", 1), (1, "x", 2)]


def test_threads_have_their_own_writer_and_step(tmp_path: Path) -> None:
    shared = tf.summary.create_file_writer(str(tmp_path))
    seen = []
    together = Barrier(4)

    def work(number: int) -> None:
        together.wait(60)  # so that no thread does two of them
        seen.append((tf.summary.scalar("x", 1.0).numpy(), tf.summary.experimental.get_step()))
        shared.set_as_default(step=number)
        for _ in range(50):
            tf.summary.scalar(f"thread {number}", number)
        seen.append((tf.summary.should_record_summaries().numpy(), tf.summary.experimental.get_step() - number))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4), timeout=60))
    shared.close()
    assert sorted(seen, key=str) == [(False, None)] * 4 + [(True, 0)] * 4
    assert sorted(values(tmp_path)) == sorted((i, f"thread {i}", i) for i in range(4) for _ in range(50))


def test_the_last_holder_of_a_writer_closes_its_file(tmp_path: Path) -> None:
    writer = tf.summary.create_file_writer(str(tmp_path))
    with writer.as_default():
        pass
    sink = writer.handle.array  # type: ignore[attr-defined]
    tf.raw_ops.WriteSummary(writer=writer.handle, step=1, tensor=[1.0], tag="x", summary_metadata="")  # type: ignore[attr-defined]
    assert values(tmp_path) == []
    del writer
    gc.collect()
    assert values(tmp_path) == []
    del sink
    gc.collect()
    assert values(tmp_path) == [(1, "x", [1.0])]


@pytest.mark.parametrize(("ending", "kept"), [("raise SystemExit(3)", [1, 2]), ("os.kill(os.getpid(), 9)", [1])])
def test_the_end_of_a_process(tmp_path: Path, ending: str, kept: list[int]) -> None:
    script = f"""
        import os, sys
        import headrace as tf
        writer = tf.summary.create_file_writer(sys.argv[1])
        with writer.as_default():
            tf.summary.scalar("x", 1.0, step=1)
        writer.set_as_default()
        tf.summary.scalar("x", 2.0, step=2)
        {ending}
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(tmp_path)], timeout=120, check=False)
    assert values(tmp_path) == [(step, "x", step) for step in kept]


def test_graphs_of_the_functions_that_ran(tmp_path: Path) -> None:
    weight = tf.Variable(tf.ones([2, 2]))

    @tf.function
    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.nn.relu(x @ weight))
        weight.assign_sub(tape.gradient(loss, weight))
        return loss

    step(tf.ones([1, 2]))
    tf.summary.trace_on(graph=True)
    step(tf.ones([1, 2]))
    step(tf.ones([1, 2]))
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        tf.summary.trace_export("trace", step=3)
    with pytest.raises(ValueError, match="trace_on"):
        tf.summary.trace_export("trace", step=3)
    (found,) = values(tmp_path)
    assert found[:2] == (3, "trace")
    collected = tf.compat.v1.RunMetadata.FromString(found[2].item())
    assert len(collected.function_graphs) == 1
    ops = {node.op for node in collected.function_graphs[0].pre_optimization_graph.node}
    assert {"MatMul", "Relu", "AssignSubVariableOp", "Placeholder"} <= ops
    assert len(collected.function_graphs[0].post_optimization_graph.node) > 3
    assert metadata(tmp_path).plugin_data.plugin_name == "graph_run_metadata_graph"


def test_trace_off_collects_no_more(tmp_path: Path) -> None:
    double = tf.function(lambda x: x * 2.0)
    tf.summary.trace_on()
    tf.summary.trace_off()
    tf.summary.trace_off()
    double(tf.constant(1.0))
    tf.summary.trace_on(graph=True, profiler=True, profiler_outdir=str(tmp_path / "profile"))
    with tf.summary.create_file_writer(str(tmp_path / "logs")).as_default(step=0):
        tf.summary.trace_export("empty")
    ((_, _, data),) = values(tmp_path / "logs")
    assert not tf.compat.v1.RunMetadata.FromString(data.item()).function_graphs
    assert metadata(tmp_path / "logs").plugin_data.plugin_name == "graph_run_metadata"
    assert list((tmp_path / "profile" / "plugins" / "profile").glob("*/*.xplane.pb"))


def test_gradients(tmp_path: Path) -> None:
    table, unused, bias = (tf.Variable(v, name=n) for v, n in ((tf.ones([4, 2]), "table"), (1.0, "unused"), ([3.0, 4.0], "bias")))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.gather(table, [1, 3]) * 2.0) + tf.reduce_sum(bias * bias) / 2.0
    found = tape.gradient(loss, [table, unused, bias])
    with tf.summary.create_file_writer(str(tmp_path)).as_default(step=5):
        assert tf.summary.gradients("gradients", found, [table, unused, bias])
        with pytest.raises(errors.InvalidArgumentError, match="one each"):
            tf.summary.gradients("gradients", found[:2], [table])
    written = {tag: value for _, tag, value in values(tmp_path)}
    assert written.keys() == {f"gradients/{name}{end}" for name in ("table", "bias") for end in ("", "/norm")}
    assert written["gradients/bias/norm"] == 5.0
    assert written["gradients/table/norm"] == 4.0
    assert written["gradients/table"][-1].tolist() == [2.0, 2.0, 4.0]


def test_a_confusion_matrix(tmp_path: Path) -> None:
    labels, predictions = [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 1, 0]
    with tf.summary.create_file_writer(str(tmp_path)).as_default(step=5):
        assert tf.summary.confusion_matrix("eager", labels, predictions, class_names=["cat", "dog", "ü" * 40])
        assert tf.function(lambda a, b: tf.summary.confusion_matrix("traced", a, b))(tf.constant(labels), tf.constant(predictions))
        for bad in ([0, 3], [-1, 0]):
            with pytest.raises(errors.InvalidArgumentError, match="classes"):
                tf.summary.confusion_matrix("bad", bad, [0, 0], num_classes=3)
        with pytest.raises(errors.InvalidArgumentError, match="64 classes"):
            tf.summary.confusion_matrix("many", [64], [0])
        with pytest.raises(ValueError, match="2 names"):
            tf.summary.confusion_matrix("names", [0], [0], class_names=["a", "b"], num_classes=3)
    (_, _, eager), (_, _, traced) = values(tmp_path)
    pictures = [np.asarray(Image.open(io.BytesIO(value[2]))).astype(int) for value in (eager, traced)]
    for value, picture in zip((eager, traced), pictures, strict=True):
        assert [int(item) for item in value[:2]] == [picture.shape[1], picture.shape[0]]
    # In each row the cells are the darker, the more of the row they hold: the first row has 2, 1 and 0 of 3.
    red = [np.median(_cell(pictures[1], 0, column)[..., 0]) for column in range(3)]
    assert red[0] < red[1] < red[2] == 255


def _cell(picture: Any, row: int, column: int) -> Any:
    """The pixels of a cell of the matrix of three classes, without a frame around it."""
    from headrace.ops.summary.drawing import CELL, MARGIN

    top = 2 * MARGIN + 16
    left = picture.shape[1] - MARGIN - 3 * CELL
    return picture[top + row * CELL :, left + column * CELL :][4 : CELL - 6, 4 : CELL - 6]


def test_hyperparameters(tmp_path: Path) -> None:
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        assert tf.summary.hparams({"rate": np.float32(0.5), "bias": True}, trial_id="first", start_time_secs=1.0)
        assert tf.summary.hparams_end("failure", end_time_secs=9.0)
        for bad in ({"a": None}, {"a": [1]}, {"a": np.ones(2)}):
            with pytest.raises(TypeError, match="bool, int, float or str"):
                tf.summary.hparams(bad)
        with pytest.raises(TypeError, match="trial_id"):
            tf.summary.hparams({}, trial_id=3)  # type: ignore[arg-type]
        for domain in ([], (3, 1), (1, 2, 3), ("a", "b"), [1, "a"], "text", (True, False)):
            with pytest.raises(ValueError, match="domain|interval"):
                tf.summary.hparams_config({"a": domain}, [])
        with pytest.raises(ValueError, match="success, failure, running"):
            tf.summary.hparams_end("done")
    (path,) = tmp_path.glob("*tfevents*")
    found = [value for event in LegacyEventFileLoader(str(path)).Load() for value in event.summary.value]
    start, end = (HParamsPluginData.FromString(value.metadata.plugin_data.content) for value in found)
    assert start.session_start_info.group_name == "first"
    assert {k: v.WhichOneof("kind") for k, v in start.session_start_info.hparams.items()} == {
        "rate": "number_value",
        "bias": "bool_value",
    }
    assert (end.session_end_info.status, end.session_end_info.end_time_secs) == (2, 9.0)


def test_pr_curve_refuses(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="bool"):
        tf.summary.pr_curve("a", [1, 0], [0.5, 0.5])
    with pytest.raises(ValueError, match="2 or more"):
        tf.summary.pr_curve("a", [True], [0.5], num_thresholds=1)
    with pytest.raises(ValueError, match="shape|compatible"):
        tf.summary.pr_curve("a", [True, False], [0.5])


def test_a_suffix_is_no_path(tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="filename_suffix"):
        tf.summary.create_file_writer(str(tmp_path), filename_suffix="/../x")
    with pytest.raises(errors.UnimplementedError, match="gs"):
        tf.summary.create_file_writer("gs://bucket/logs")
    with pytest.raises(ValueError, match="mesh"):
        tf.summary.create_file_writer(str(tmp_path), experimental_mesh=1)


def test_damaged_metadata_is_named(tmp_path: Path) -> None:
    with tf.summary.create_file_writer(str(tmp_path)).as_default(), pytest.raises(errors.DataLossError, match="SummaryMetadata"):
        tf.summary.write("a", 1.0, step=0, metadata=b"\xff\xff")
    with pytest.raises(errors.InvalidArgumentError, match="no summary writer"):
        tf.raw_ops.FlushSummaryWriter(writer=tf.Variable(1.0).handle)


def test_a_function_that_writes_is_not_saved(tmp_path: Path) -> None:
    model = tf.Module()
    writer = tf.summary.create_file_writer(str(tmp_path / "logs"))

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
    def call(x: Any) -> Any:
        with writer.as_default(step=1):
            tf.summary.scalar("x", x)
        return x

    model.call = call
    with pytest.raises((errors.HeadraceError, ValueError), match="writer|events"):
        tf.saved_model.save(model, str(tmp_path / "model"), signatures=model.call)
