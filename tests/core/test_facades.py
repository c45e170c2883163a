"""Unknown names of facades say where the known ones are listed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import headrace as tf
from headrace.core.facades import explain_missing_names


@pytest.mark.parametrize(
    ("facade", "name", "label"),
    [
        (tf, "estimator", "headrace"),
        (tf.nn, "no_such_op", "headrace.nn"),
        (tf.compat.v1.train, "NoSuchOptimizer", "headrace.compat.v1.train"),
    ],
)
def test_an_unknown_name_is_named_with_the_page(facade: ModuleType, name: str, label: str) -> None:
    with pytest.raises(AttributeError, match=rf"module '{label}' has no attribute '{name}'; docs/names\.md lists") as caught:
        getattr(facade, name)
    assert caught.value.name == name
    assert caught.value.obj is facade
    assert not hasattr(facade, name)


def test_a_facade_keeps_a_getattr_of_its_own() -> None:
    facade = ModuleType("package")
    facade.__dict__["__getattr__"] = lambda name: name.upper()
    explain_missing_names(facade)
    assert facade.anything == "ANYTHING"


LATE = {
    "a room by its own name": "import headrace.math as m; print(m.add(1, 2).numpy())",
    "a saved model": "import headrace.saved_model as s; print(len(s.load(PATH).signatures))",
    "the ops": "from headrace.dispatch.opdef import registered; print(len(registered()) > 600)",
    "a scope": "from headrace.dispatch import context\nwith context.init_scope(): print(context.executing_eagerly())",
}


@pytest.mark.parametrize("door", LATE)
def test_the_runtime_is_found_by_every_door(door: str, tmp_path: Path) -> None:
    module = tf.Module()
    module.twice = tf.function(lambda x: {"y": 2 * x}, input_signature=[tf.TensorSpec([], tf.float32, "x")])
    tf.saved_model.save(module, str(tmp_path), signatures=module.twice)
    program = f"PATH = {str(tmp_path)!r}\n{LATE[door]}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, {"a room by its own name": "3", "a saved model": "1"}.get(door, "True")), (
        done.stderr
    )


def test_what_needs_no_tensors_loads_no_runtime() -> None:
    program = "import sys, headrace.client, headrace.cli.mirror; from headrace import client; print('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
