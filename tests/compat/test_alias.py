"""`import tensorflow` gives Headrace: in programs, in libraries, and with clear errors where it does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import headrace as tf
from headrace.compat import alias
from headrace.core.errors import FailedPreconditionError

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "tests" / "interop" / "programs" / "basics" / "line.py"


def headrace_run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "headrace", "run", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=cwd, env={"PYTHONPATH": str(ROOT), "PATH": ""}, check=False
    )


@pytest.fixture
def installed() -> object:
    alias.install()
    yield
    alias.uninstall()


def test_a_program_runs_unchanged() -> None:
    done = headrace_run(str(PROGRAM), "--steps", "5")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "version = 2.21.0 tensorflow"
    assert [line.split(" = ")[0] for line in lines[1:]] == ["first loss", "last loss", "bias", "doublings"]


def test_a_module_and_the_files_beside_a_program_are_found(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("import tensorflow as tf\nvalue = tf.constant([1, 2])\n")
    (tmp_path / "main.py").write_text("import sys\nimport beside\nprint(beside.value.numpy().tolist(), sys.argv[1:])\n")
    assert headrace_run("main.py", "-x", "--help", cwd=tmp_path).stdout == "[1, 2] ['-x', '--help']\n"
    assert headrace_run("-m", "main", "a", cwd=tmp_path).stdout == "[1, 2] ['a']\n"


def test_a_program_that_fails_fails() -> None:
    done = headrace_run("-m", "no_such_module")
    assert done.returncode == 1
    assert "no_such_module" in done.stderr
    done = headrace_run("nowhere.py")
    assert (done.returncode, "there is no file 'nowhere.py'" in done.stderr) == (2, True)


@pytest.mark.usefixtures("installed")
def test_modules_and_what_is_in_them() -> None:
    import tensorflow
    import tensorflow.random.experimental as experimental
    from tensorflow import constant, math
    from tensorflow.compat import v1

    assert constant is tf.constant
    assert math.reduce_sum is tf.math.reduce_sum
    assert experimental.stateless_split is tf.random.experimental.stateless_split
    assert v1.GraphDef is tf.compat.v1.GraphDef
    assert tensorflow.errors.InvalidArgumentError is tf.errors.InvalidArgumentError
    assert tensorflow.nn is sys.modules["tensorflow.nn"]
    assert "matmul" in dir(tensorflow)


@pytest.mark.usefixtures("installed")
def test_tensorflow_hub_is_ours_too(tmp_path: Path) -> None:
    import tensorflow_hub
    from tensorflow_hub import KerasLayer

    from headrace import hub

    assert (tensorflow_hub.__version__, tensorflow_hub.load, KerasLayer) == ("0.16.1", hub.load, hub.KerasLayer)
    assert tensorflow_hub.resolve(str(tmp_path)) == str(tmp_path)
    with pytest.raises(AttributeError, match=r"tensorflow_hub\.Module is not there"):
        tensorflow_hub.Module  # noqa: B018
    with pytest.raises(ModuleNotFoundError, match="no module named 'tensorflow_hub.no_such_module'"):
        import tensorflow_hub.no_such_module


def test_tensorboard_reads_event_files_where_the_name_is_ours(tmp_path: Path) -> None:
    """In a process of its own, since TensorBoard looks for TensorFlow once."""
    program = """
import sys
import headrace as tf
from headrace.compat import alias
alias.install()
with tf.summary.create_file_writer(sys.argv[1]).as_default():
    tf.summary.scalar("loss", 0.5, step=3)
import pathlib
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
(path,) = pathlib.Path(sys.argv[1]).iterdir()
print([(event.step, value.tag) for event in LegacyEventFileLoader(str(path)).Load() for value in event.summary.value])
"""
    command = [sys.executable, "-W", "ignore", "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "[(3, 'loss')]\n", done.stderr


@pytest.mark.usefixtures("installed")
def test_what_is_not_there_is_named() -> None:
    import tensorflow

    with pytest.raises(AttributeError, match=r"tensorflow\.no_such_name is not there: .*docs/names\.md"):
        tensorflow.no_such_name  # noqa: B018
    with pytest.raises(AttributeError, match=r"tensorflow\.nn\.no_such_name is not there"):
        tensorflow.nn.no_such_name  # noqa: B018
    with pytest.raises(ModuleNotFoundError, match="no module named 'tensorflow.no_such_module'"):
        import tensorflow.no_such_module
    with pytest.raises(ModuleNotFoundError, match="no module named 'tensorflow.constant'"):
        import tensorflow.constant


def test_real_tensorflow_that_is_there_already_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", type(sys)("tensorflow"))
    with pytest.raises(FailedPreconditionError, match="TensorFlow itself is imported already"):
        alias.install()


def test_the_name_is_given_back() -> None:
    alias.install()
    alias.install()
    import tensorflow  # noqa: F401

    alias.uninstall()
    assert not [name for name in sys.modules if name.partition(".")[0] == "tensorflow"]
    assert not [finder for finder in sys.meta_path if isinstance(finder, alias._Finder)]
