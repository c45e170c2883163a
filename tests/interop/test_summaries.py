"""Summaries of Headrace and of real TensorFlow, as real TensorBoard shows them."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

import headrace as tf
from tests.interop import browser
from tests.interop.peer_runs import run_peer
from tests.interop.peers import summaries
from tests.interop.tensorboard import Board, board

OURS, THEIRS = "ours", "theirs"
KNOWN: dict[str, tuple[str, str]] = {}
"""Cases that end otherwise than under TensorFlow: ours, theirs."""
RUNS = ["summaries", "graph", "hparams", "hparams/run", "curves"]

KERAS_RUNS = ["keras/train", "keras/validation", "session"]


def _write_ours(folder: Path) -> None:
    """What the peer writes, and the same hyperparameters and curves by our own functions."""
    summaries.write(tf, str(folder))
    with tf.summary.create_file_writer(str(folder / "hparams")).as_default():
        tf.summary.hparams_config(
            {"rate": (0.001, 1.0), "units": [16, 32], "optimizer": ["adam", "sgd"], "bias": [False, True], "seed": None},
            ["loss", "validation//score"],
        )
    with tf.summary.create_file_writer(str(folder / "hparams" / "run")).as_default():
        tf.summary.hparams({"rate": 0.1, "units": np.int64(32), "optimizer": "adam", "bias": True, "seed": 3})
        tf.summary.scalar("loss", 0.5, step=1)
    with tf.summary.create_file_writer(str(folder / "curves")).as_default(step=2):
        for name, weights in (("curve", None), ("weighted", summaries.WEIGHTS)):
            curve = (name, summaries.LABELS, summaries.SCORES)
            tf.summary.pr_curve(*curve, num_thresholds=11, weights=weights, description="how *good* it is")


class Written(NamedTuple):
    """What was written below `folder`, and what TensorFlow did with `summaries.CASES`."""

    folder: Path
    outcomes: dict[str, str]


def _trace(tf: Any, folder: str) -> None:
    """Writes the graphs of a training step that runs."""
    weight = tf.Variable(tf.ones([2, 2]))

    @tf.function
    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.nn.elu(x @ weight))
        weight.assign_sub(tape.gradient(loss, weight))
        return loss

    with tf.summary.create_file_writer(folder).as_default():
        tf.summary.trace_on()
        step(tf.ones([1, 2]))
        tf.summary.trace_export("step", step=0)


@pytest.fixture(scope="module")
def written(tensorflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Both sides' files."""
    folder = tmp_path_factory.mktemp("logs")
    outcomes = run_peer(tensorflow_python, "summaries.py", folder / THEIRS)
    _write_ours(folder / OURS)
    _trace(tf, str(folder / OURS / "trace"))
    return Written(folder, outcomes)


@pytest.fixture(scope="module")
def shown(written: Written) -> Iterator[Board]:
    """TensorBoard on it."""
    with board(written.folder) as found:
        found.wait_for({f"{OURS}/trace", *(f"{side}/{run}" for side in (OURS, THEIRS) for run in RUNS)})
        yield found


def _plain(value: Any) -> Any:
    """JSON without times; numbers that JSON has no form for stand there as text."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if key != "wall_time"}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _without_times(points: list[list[Any]]) -> list[Any]:
    return [_plain(point[1:]) for point in points]


def _both(shown: Board, route: str, run: str = "summaries", **parameters: Any) -> tuple[Any, Any]:
    ours, theirs = (shown.get(f"plugin/{route}", run=f"{side}/{run}", **parameters) for side in (OURS, THEIRS))
    return ours, theirs


def _tags(shown: Board, plugin: str, run: str = "summaries") -> list[str]:
    """The tags of a run, which both sides have, with equal descriptions and names."""
    tags = shown.get(f"plugin/{plugin}/tags")
    ours, theirs = (tags[f"{side}/{run}"] for side in (OURS, THEIRS))
    assert ours == theirs
    return list(ours)


def test_scalars(shown: Board) -> None:
    tags = _tags(shown, "scalars")
    assert {"loss", "outer/inner loss", "function/loss"} <= set(tags)
    assert "outer/hidden" not in tags
    for tag in tags:
        ours, theirs = _both(shown, "scalars/scalars", tag=tag)
        assert _without_times(ours) == _without_times(theirs), tag
    assert [step for step, _ in _without_times(shown.get("plugin/scalars/scalars", run="ours/summaries", tag="function/loss"))] == [
        0,
        2,
        4,
    ]


def test_histograms(shown: Board) -> None:
    tags = _tags(shown, "histograms")
    assert set(tags) == {*summaries.HISTOGRAMS, "function/weight"}
    for tag in tags:
        ours, theirs = map(_without_times, _both(shown, "histograms/histograms", tag=tag))
        assert [step for step, _ in ours] == [step for step, _ in theirs], tag
        for (_, mine), (_, other) in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(_numbers(mine), _numbers(other), rtol=1e-12, atol=1e-300, err_msg=tag)
            assert [row[2] for row in mine] == [row[2] for row in other], tag


def _numbers(rows: list[list[Any]]) -> Any:
    """The rows, where what JSON has no number for stands as "Infinity" or "NaN"."""
    return np.array([[float(item) for item in row] for row in rows])


def test_images(shown: Board) -> None:
    for tag, both in _samples(shown, "images"):
        ours, theirs = ([Image.open(io.BytesIO(data)) for data, _ in side] for side in both)
        assert [image.mode for image in ours] == [image.mode for image in theirs], tag
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(np.asarray(mine), np.asarray(other), err_msg=tag)


def test_audio(shown: Board) -> None:
    for tag, (ours, theirs) in _samples(shown, "audio"):
        assert ours == theirs, tag


def _samples(shown: Board, plugin: str) -> Iterator[tuple[str, tuple[list[Any], list[Any]]]]:
    """For each tag: the bytes and what is said of each sample, on both sides."""
    one = {"images": "individualImage", "audio": "individualAudio"}[plugin]
    for tag in _tags(shown, plugin):
        count = shown.get(f"plugin/{plugin}/tags")[f"{OURS}/summaries"][tag]["samples"]
        both: tuple[list[Any], list[Any]] = ([], [])
        for sample in range(count):
            listed = _both(shown, f"{plugin}/{plugin.removesuffix('s') if plugin == 'audio' else plugin}", tag=tag, sample=sample)
            for side, entries in zip(both, listed, strict=True):
                for entry in entries:
                    data = shown.get(f"plugin/{plugin}/{one}?{entry['query']}")
                    side.append((data, {key: entry.get(key) for key in ("step", "width", "height", "contentType", "label")}))
        assert [said for _, said in both[0]] == [said for _, said in both[1]], tag
        assert both[0], tag
        yield tag, both


def test_text(shown: Board) -> None:
    tags = shown.get("plugin/text/tags")
    assert set(tags[f"{OURS}/summaries"]) == set(tags[f"{THEIRS}/summaries"]) == {*summaries.TEXTS, "function/text"}
    for tag in tags[f"{OURS}/summaries"]:
        ours, theirs = _both(shown, "text/text", tag=tag)
        assert _plain(ours) == _plain(theirs), tag


def test_graph(shown: Board) -> None:
    ours, theirs = (shown.get("plugin/graphs/graph", run=f"{side}/graph") for side in (OURS, THEIRS))
    assert ours == theirs
    assert b'op: "Square"' in ours


def test_the_graph_of_what_ran(shown: Board) -> None:
    assert shown.get("plugin/graphs/info")["ours/trace"]["tags"]["step"]["op_graph"]
    found = shown.get("plugin/graphs/graph", run="ours/trace", tag="step").decode()
    for op in ("MatMul", "Elu", "AssignSubVariableOp"):
        assert f'op: "{op}"' in found


def test_pr_curves(shown: Board) -> None:
    for tag in _tags(shown, "pr_curves", "curves"):
        ours, theirs = ([shown.get("plugin/pr_curves/pr_curves", run=f"{side}/curves", tag=tag)] for side in (OURS, THEIRS))
        (mine,), (other,) = (list(_plain(answer[0]).values()) for answer in (ours, theirs))
        assert len(mine) == len(other) == 1
        assert mine[0].keys() == other[0].keys()
        for key in mine[0]:
            np.testing.assert_allclose(mine[0][key], other[0][key], rtol=1e-6, err_msg=f"{tag} {key}")


def test_hparams(shown: Board) -> None:
    rows = shown.post("plugin/hparams/session_groups", {"startIndex": 0, "sliceSize": 10, "allowedStatuses": ["STATUS_UNKNOWN"]})
    (row,) = rows["sessionGroups"]  # the hyperparameters are equal, so TensorBoard makes one row of both runs
    assert {session["name"] for session in row["sessions"]} == {f"{side}/hparams/run" for side in (OURS, THEIRS)}
    assert row["hparams"] == {"rate": 0.1, "units": 32, "optimizer": "adam", "bias": True, "seed": 3}


def _messages(folder: Path) -> list[Any]:
    """Step, tag, metadata, dtype and shape of each value of a run."""
    (path,) = folder.glob("*tfevents*")
    return [
        (event.step, value.tag, *_metadata(value.metadata), value.tensor.dtype, str(value.tensor.tensor_shape))
        for event in LegacyEventFileLoader(str(path)).Load()
        for value in event.summary.value
    ]


def _metadata(metadata: Any) -> tuple[str, str]:
    """As text; of hyperparameters what the plugin reads, without the times."""
    if metadata.plugin_data.plugin_name != "hparams":
        return str(metadata), ""
    content = HParamsPluginData.FromString(metadata.plugin_data.content)
    metadata.plugin_data.content = b""
    if content.HasField("experiment"):
        content.experiment.ClearField("time_created_secs")
    if content.HasField("session_start_info"):
        content.session_start_info.ClearField("start_time_secs")
    if content.HasField("session_end_info"):
        content.session_end_info.ClearField("end_time_secs")
    return str(metadata), str(content)


@pytest.mark.parametrize("run", RUNS)
def test_messages(written: Written, run: str) -> None:
    ours, theirs = (_messages(written.folder / side / run) for side in (OURS, THEIRS))
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == other


def test_the_same_program_under_the_name_tensorflow(written: Written, tmp_path: Path) -> None:
    """TensorBoard's own library and Keras' callbacks, unmodified, under `headrace run`."""
    script = Path(summaries.__file__)
    done = subprocess.run(
        [sys.executable, "-m", "headrace", "run", script, tmp_path], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == written.outcomes
    for run in (*RUNS, *KERAS_RUNS):
        assert _messages(tmp_path / run) == _messages(written.folder / THEIRS / run)
    for folder in (tmp_path, written.folder / THEIRS):
        assert len(list(folder.glob("keras/train/plugins/profile/*/*.xplane.pb"))) == 1


def test_cases(written: Written, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:  # the default writer that the last cases set is that of a thread
        ours = pool.submit(summaries.outcomes, tf, str(tmp_path)).result()
    assert ours.keys() == written.outcomes.keys()
    different = {name: (ours[name], written.outcomes[name]) for name in ours if ours[name] != written.outcomes[name]}
    assert different == KNOWN


def test_the_page_in_a_browser(shown: Board, tmp_path: Path) -> None:
    picture = tmp_path / "page.png"
    browser.run("--window-size=1400,900", "--virtual-time-budget=30000", f"--screenshot={picture}", f"{shown.url}#scalars")
    pixels = np.asarray(Image.open(picture).convert("RGB"))
    assert pixels.shape == (900, 1400, 3)
    # The bar at the top is TensorBoard's orange, and there is more than one colour below it.
    assert (np.abs(pixels[20, 700].astype(int) - (245, 124, 0)) < 40).all()
    assert len(np.unique(pixels[100:].reshape(-1, 3), axis=0)) > 50
