"""Helper processes that die, hang, tell nonsense or cannot be had: their load fails or goes another way, and all else serves."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headrace.core.errors import CancelledError, InternalError, OpError, ResourceExhaustedError
from headrace.serving.engines.base import Recipe
from headrace.serving.engines.selection import ServingEngine
from headrace.serving.lifecycle import LifecycleOptions, ModelLifecycle
from headrace.serving.making import Making, Wanted
from headrace.serving.preparing import process
from headrace.serving.preparing.helpers import Helpers
from headrace.serving.preparing.memory import anonymous
from headrace.serving.preparing.messages import Order
from headrace.serving.preparing.process import NotStartedError
from headrace.serving.servable import State
from tests.serving.engine_models import FORCED, save_network
from tests.serving.process import ROOT
from tests.serving.toy import wait_until

ORDER = Order(Recipe(), Wanted("m", 1, Path("nowhere")), Making(), None)
BEGUN = "import os, signal, time; os.write(1, b'begun\\n'); "
STARVING = (
    "import resource; from headrace.serving.preparing.helper import main; "
    "limit = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize() + (100 << 20); "
    "resource.setrlimit(resource.RLIMIT_AS, (limit, limit)); main({life}, {memory})"
)
"""A helper that may take but 100 MiB more than the libraries."""


@pytest.fixture
def helper(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes helpers run another program."""
    return lambda program: monkeypatch.setattr(process, "_COMMAND", program)


def run(cancelled: Callable[[], bool] = lambda: False) -> None:
    memory = anonymous()
    try:
        process.run(ORDER, memory, cancelled)
    finally:
        os.close(memory)


@pytest.mark.parametrize(
    ("program", "kind", "message"),
    [
        (BEGUN + "os.kill(os.getpid(), signal.SIGKILL)", ResourceExhaustedError, "was killed, most likely for want of memory"),
        ("import os; os.kill(os.getpid(), 9)", ResourceExhaustedError, "was killed, most likely for want of memory"),
        (BEGUN + "os.kill(os.getpid(), signal.SIGSEGV)", InternalError, "ended with SIGSEGV"),
        (BEGUN + "os._exit(3)", InternalError, "ended with status 3"),
        (BEGUN, InternalError, "broke off what it had to tell"),
        (BEGUN + "os.write(1, b'[')", InternalError, "broke off what it had to tell"),
        ("raise SystemExit(1)", NotStartedError, "ended with status 1 before it began"),
    ],
    ids=["killed", "killed at once", "crashed", "gave up", "silent", "broken off", "not begun"],
)
def test_a_helper_that_ends(helper: Callable[[str], None], program: str, kind: type[Exception], message: str) -> None:
    helper(program)
    with pytest.raises(kind, match=message):
        run()


def test_one_that_tells_without_end(helper: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_MOST_BYTES", 1 << 20)
    helper(BEGUN + "\nwhile True: os.write(1, bytes(65536))")
    with pytest.raises(InternalError, match="more than 1048576 bytes"):
        run()


def test_one_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(NotStartedError, match="No such file"):
        run()


@pytest.mark.skipif(sys.platform != "linux", reason="needs the times of /proc")
def test_one_that_gets_no_processor_is_started_anew(helper: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_PATIENCE_SECONDS", 0.5)
    program = "[time.sleep(0.1) for _ in range(600) if os.nice(0) in (0, 19)]; os._exit(os.nice(0))"
    helper(BEGUN + program)
    with pytest.raises(InternalError, match="ended with status 10"):
        run()


def test_it_is_the_first_to_make_way(helper: Callable[[str], None]) -> None:
    score = "int(open('/proc/self/oom_score_adj').read()) // 100" if sys.platform == "linux" else "10"
    waiting = "[time.sleep(0.1) for _ in range(600) if not os.nice(0)]; time.sleep(1)"  # until the server has given it its place
    helper(BEGUN + f"{waiting}; os._exit({score} + os.nice(0))")
    with pytest.raises(InternalError, match="ended with status 29"):
        run()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says on which cores a process may run")
def test_it_keeps_to_a_quarter_of_the_cores(helper: Callable[[str], None]) -> None:
    own = os.sched_getaffinity(0)
    kept_to = f"sorted(os.sched_getaffinity(0)) == {sorted(process.corner(own))}"
    helper(BEGUN + f"[time.sleep(0.1) for _ in range(600) if not {kept_to}]; assert {kept_to}; os._exit(3)")
    with pytest.raises(InternalError, match="ended with status 3"):
        run()
    assert os.sched_getaffinity(0) == own


def test_a_quarter_of_the_cores_is_one_at_least() -> None:
    found = [process.corner(cores) for cores in ({0}, {0, 1}, {1, 3, 5, 7}, range(16))]
    assert found == [{0}, {1}, {7}, {12, 13, 14, 15}]


@pytest.mark.parametrize("stopped", [False, True])
def test_one_that_hangs_is_killed_when_its_version_is_not_wanted(
    helper: Callable[[str], None], tmp_path: Path, stopped: bool
) -> None:
    file = tmp_path / "pid"
    stop = "os.kill(os.getpid(), signal.SIGSTOP)" if stopped else "time.sleep(60)"
    helper(BEGUN + f"open({str(file)!r}, 'w').write(str(os.getpid())); {stop}")
    with pytest.raises(CancelledError):
        run(lambda: file.is_file() and bool(file.read_text()))
    assert not alive(int(file.read_text()))


def alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return not (
            Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        )
    return False


SERVER = """
import sys
from pathlib import Path
from headrace.serving.preparing import process
from tests.serving.faults.test_helpers import run
process._COMMAND = sys.argv[1]
run()
"""


@pytest.mark.parametrize("stopped", [False, True])
@pytest.mark.skipif(sys.platform != "linux", reason="a process that is stopped ends with its parent on Linux alone")
def test_a_server_that_is_killed_leaves_no_helper(tmp_path: Path, stopped: bool) -> None:
    file = tmp_path / "pid"
    stop = "os.kill(os.getpid(), signal.SIGSTOP)" if stopped else "time.sleep(60)"
    program = (
        "from headrace.serving.preparing.helper import _end_with_server; _end_with_server({life}); import os, signal, time; "
        f"open({str(file)!r}, 'w').write(str(os.getpid())); {stop}"
    )
    server = subprocess.Popen([sys.executable, "-c", SERVER, program], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
    wait_until(lambda: file.is_file() and bool(file.read_text()), 120)
    pid = int(file.read_text())
    assert alive(pid)
    server.kill()
    server.wait(60)
    wait_until(lambda: not alive(pid))


class Swapping:
    """A lifecycle whose version 1 serves; what loads from now on has a helper."""

    def __init__(self, base_path: Path, options: LifecycleOptions) -> None:
        self.base_path = base_path
        self.network = save_network(base_path.parent / "network")
        self.told: list[OpError | None] = []
        self._serves = False
        self.lifecycle = ModelLifecycle(
            "m",
            base_path,
            ServingEngine(FORCED),
            options,
            on_load=lambda _, __, ___, error: self.told.append(error),
            helpers=Helpers(lambda: self._serves),
        )
        self.add(1)
        self.lifecycle.step()
        self._serves = True
        assert self.lifecycle.available_versions == [1]

    def add(self, version: int) -> None:
        self.base_path.mkdir(exist_ok=True)
        (self.base_path / str(version)).symlink_to(self.network)

    def step(self) -> None:
        self.lifecycle._rescan = True
        self.lifecycle.step()


@pytest.fixture
def swapping(tmp_path: Path) -> Iterator[Callable[[LifecycleOptions], Swapping]]:
    made: list[Swapping] = []

    def make(options: LifecycleOptions) -> Swapping:
        made.append(Swapping(tmp_path / "models", options))
        return made[0]

    yield make
    assert all(each.lifecycle.stop(30) for each in made)


def test_a_load_that_hangs_gives_its_memory_back(
    swapping: Callable[[LifecycleOptions], Swapping], helper: Callable[[str], None], tmp_path: Path
) -> None:
    model = swapping(LifecycleOptions(poll_seconds=0.01, load_seconds=120.0))
    file = tmp_path / "pid"
    helper(BEGUN + f"open({str(file)!r}, 'w').write(str(os.getpid())); time.sleep(60)")
    model.lifecycle._options = LifecycleOptions(poll_seconds=0.01, load_seconds=2.0)
    model.add(2)
    model.step()
    status, before = model.lifecycle.statuses()
    assert (status.state, before.state) == (State.END, State.AVAILABLE)
    assert status.error is not None
    assert status.error.message == "the load of model m version 2 took longer than 2 s and was given up"
    wait_until(lambda: not alive(int(file.read_text())))


@pytest.mark.parametrize(
    ("program", "code"),
    [
        (BEGUN + "os.kill(os.getpid(), signal.SIGKILL)", "RESOURCE_EXHAUSTED"),
        pytest.param(STARVING, "", marks=pytest.mark.skipif(sys.platform != "linux", reason="needs the sizes of /proc")),
    ],
    ids=["killed", "no memory"],
)
def test_a_load_whose_helper_fails_is_tried_again(
    swapping: Callable[[LifecycleOptions], Swapping], helper: Callable[[str], None], program: str, code: str
) -> None:
    model = swapping(LifecycleOptions(poll_seconds=0.01, max_load_retries=1, retry_seconds=0.0))
    helper(program)
    model.add(2)
    model.step()
    status, before = model.lifecycle.statuses()
    assert (status.state, before.state) == (State.END, State.AVAILABLE)
    assert len(model.told) == 3, "of version 1, and twice of version 2"
    assert status.error is not None
    assert code in status.error.code


def test_the_end_does_not_wait_for_a_helper(
    swapping: Callable[[LifecycleOptions], Swapping], helper: Callable[[str], None], tmp_path: Path
) -> None:
    model = swapping(LifecycleOptions(poll_seconds=0.01))
    file = tmp_path / "pid"
    helper(BEGUN + f"open({str(file)!r}, 'w').write(str(os.getpid())); time.sleep(60)")
    model.lifecycle.start()
    model.add(2)
    wait_until(lambda: file.is_file() and bool(file.read_text()), 120)
    started = time.monotonic()
    assert model.lifecycle.stop(30)
    assert time.monotonic() - started < 20
    assert not alive(int(file.read_text()))
    assert len(model.told) == 1, "a load that was called off is no failure"
