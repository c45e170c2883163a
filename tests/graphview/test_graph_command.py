"""`headrace graph`: text, costs, page and GraphDef, and what it refuses."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import headrace as tf
from headrace.cli.graph import graph
from headrace.graphview.drawing import describe
from headrace.proto.messages import Event, GraphDef, parse
from tests.interop import browser
from tests.interop.environments import clean_environment, ensure

PROGRAM = """
import headrace as tf

w = tf.Variable(tf.ones([4, 3]))


@tf.function(input_signature=[tf.TensorSpec([None, 4])])
def f(x):
    y = tf.nn.relu(tf.matmul(x, w) + tf.constant([1.0, 2.0, 3.0]), name="</script><b>")
    for i in tf.range(3):
        if y[0, 0] > 3.0:
            y = y * 0.5
        else:
            y = y + 1.0
    return y


@tf.function
def unsigned(x):
    return x


@tf.function(input_signature=[tf.TensorSpec([2], tf.string)])
def strings(x):
    return tf.strings.upper(x)


number = 3
"""


@pytest.fixture
def program(tmp_path: Path) -> str:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return str(path)


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(graph, [str(a) for a in arguments])


def test_it_prints_the_graph_and_what_each_pass_does(program: str) -> None:
    found = _run(f"{program}:f")
    assert found.exit_code == 0, found.output
    assert "graph @f(%x: float32[?, 4]" in found.output
    assert "graph @while_body" in found.output
    rows = dict(re.findall(r"│ (as traced|remapper|prune, and all again) +│ (\d+)", found.output))
    assert int(rows["as traced"]) > int(rows["prune, and all again"])
    optimized = _run(f"{program}:f", "--optimized")
    assert "_FusedMatMul" in optimized.output
    assert "_FusedMatMul" not in found.output


def test_a_saved_model_by_its_signature(tmp_path: Path) -> None:
    class Model(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def double(self, x):
            return {"y": x * 2.0}

    model = Model()
    tf.saved_model.save(model, str(tmp_path / "model"), signatures={"twice": model.double})
    assert "Mul(" in _run(tmp_path / "model", "--signature", "twice").output
    refused = _run(tmp_path / "model", "--signature", "thrice")
    assert refused.exit_code == 2
    assert "no signature 'thrice'; it has" in refused.output


def test_a_graph_that_runs_in_parts_is_shown_without_costs(program: str) -> None:
    found = _run(f"{program}:strings")
    assert found.exit_code == 0, found.output
    assert "StringUpper" in found.output
    assert "in parts" in found.output


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nothing", "is no SavedModel's folder"),
        ("no_such_module:f", "cannot import no_such_module"),
        ("{program}:g", "has no 'g'"),
        ("{program}:number", "is int; expected a tf.function"),
        ("{program}:unsigned", "has no input_signature"),
        ("missing.py:f", "is no Python file"),
    ],
)
def test_what_it_refuses(program: str, target: str, message: str, tmp_path: Path) -> None:
    out = tmp_path / "out.html"
    found = _run(target.format(program=program), "--html", out)
    assert found.exit_code == 2
    assert message in re.sub(r"\s+", " ", found.output)
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.interop
def test_the_graph_def_is_read_by_tensorflow(program: str, tmp_path: Path) -> None:
    assert _run(f"{program}:f", "--graphdef", tmp_path / "f.pb").exit_code == 0
    assert _run(f"{program}:f", "--graphdef", tmp_path / "logs").exit_code == 0
    nodes = {node.op for node in parse(GraphDef, (tmp_path / "f.pb").read_bytes(), "f.pb").node}
    assert {"Placeholder", "MatMul", "StatelessWhile"} <= nodes
    code = f"""
import glob, json, tensorflow as tf
with tf.Graph().as_default() as graph:
    tf.import_graph_def(tf.compat.v1.GraphDef.FromString(open({str(tmp_path / "f.pb")!r}, "rb").read()), name="")
records = tf.data.TFRecordDataset(glob.glob({str(tmp_path / "logs")!r} + "/*"))
events = [tf.compat.v1.Event.FromString(record.numpy()) for record in records]
held = tf.compat.v1.GraphDef.FromString(events[1].graph_def)
print(json.dumps([len(graph.get_operations()), events[0].file_version, len(held.node)]))
"""
    done = subprocess.run(
        [ensure("tensorflow"), "-c", code], capture_output=True, text=True, timeout=300, env=clean_environment(), check=True
    )
    imported, version, held = json.loads(done.stdout.strip().splitlines()[-1])
    assert imported == held > 10
    assert version == "brain.Event:2"
    assert Event(file_version=version).file_version == version


def _page(program: str, tmp_path: Path) -> Path:
    out = tmp_path / "f.html"
    assert _run(f"{program}:f", "--html", out).exit_code == 0
    return out


def test_the_page_holds_every_node_and_no_markup_of_the_program(program: str, tmp_path: Path) -> None:
    text = _page(program, tmp_path).read_text()
    data = json.loads(text.split('id="data">', 1)[1].split("</script>", 1)[0])
    loop = next(node for node in data["nodes"] if node["op"] == "StatelessWhile")
    assert [body["name"] for body in loop["bodies"]] == ["while_cond", "while_body"]
    assert any(node["op"] == "MatMul" for node in data["nodes"])
    assert "<b>" not in text
    assert not re.search(r"(src|href)=", text)


def test_every_value_is_an_edge() -> None:
    made = tf.function(lambda x: (x + x) * 2.0).get_concrete_function(tf.TensorSpec([2])).graph
    found = describe(made)
    assert len(found["edges"]) == sum(len(node.inputs) for node in made.nodes) + len(made.outputs)


@pytest.mark.interop
def test_a_real_browser_draws_it(program: str, tmp_path: Path) -> None:
    page = _page(program, tmp_path)
    try:
        browser.ensure()
    except browser.BrowserUnavailable as error:
        pytest.skip(str(error))
    dom = browser.run("--dump-dom", page.as_uri())
    assert 'data-ready="yes"' in dom
    assert dom.count("<g class=") == len(json.loads(page.read_text().split('id="data">', 1)[1].split("</script>", 1)[0])["nodes"])
    assert 'class="node function"' in dom
    assert dom.count("<polyline") > 10
    picture = tmp_path / "page.png"
    browser.run("--window-size=1000,700", f"--screenshot={picture}", page.as_uri())
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 10_000
