"""Scripts run under a peer's Python, in a process that is started for each or forked from one that has imports behind it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop import peer_runs
from tests.interop.peer_runs import Forks, PeerFailed, run_peer


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    forks = Forks(Path(sys.executable), "json", "fractions")
    yield forks
    forks.close()


@pytest.fixture(params=["started", "forked"])
def peers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, forks: Forks) -> Path:
    monkeypatch.setattr(peer_runs, "PEERS", tmp_path)
    if request.param == "forked":
        monkeypatch.setattr(peer_runs, "folder", lambda _: Path(sys.executable).parents[1])
        monkeypatch.setattr(peer_runs, "_with_tensorflow", lambda _: forks)
    return tmp_path


def run(peers: Path, code: str, *args: object, timeout: float = 60) -> object:
    (peers / "script.py").write_text(code)
    return run_peer(Path(sys.executable), "script.py", *args, timeout=timeout)


def test_a_peer_gets_arguments_and_none_of_our_settings(peers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "ours")
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    code = "import json, os, sys; print('noise'); print(json.dumps([sys.argv[1:], sorted(os.environ)]))"
    args, names = run(peers, code, 5, Path("a"))  # type: ignore[misc]
    assert args == ["5", "a"]
    assert "PATH" in names
    assert not {"PYTHONPATH", "JAX_PLATFORMS"} & set(names)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise SystemExit('the reason')", "the reason"),
        ("print('no json')", "no JSON"),
        ("", "no JSON"),
        ("while True: pass", "past"),
    ],
)
def test_a_failing_peer_is_reported(peers: Path, code: str, message: str) -> None:
    with pytest.raises(PeerFailed, match=message):
        run(peers, code, timeout=2 if "while" in code else 60)


def test_a_fork_has_the_imports_and_nothing_of_another(forks: Forks, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import beside, os, sys\n"
        "print('fractions' in sys.modules, hasattr(sys, 'mark'), sys.argv[1:], beside.NAME, sorted(os.environ), os.getcwd())\n"
        "sys.mark = 1\n"
        "print('a word', file=sys.stderr)\n"
        "raise SystemExit(3)\n"
    )
    (tmp_path / "beside.py").write_text("NAME = 'sibling'\n")
    for _ in range(2):
        done = forks.run([str(script), "a b"], str(tmp_path), {"ONLY": "this"}, 60)
        assert done.stdout == f"True False ['a b'] sibling ['ONLY'] {tmp_path}\n"
        assert (done.returncode, done.stderr) == (3, "a word\n")


def test_a_module_that_is_missing_is_named(tmp_path: Path) -> None:
    forks = Forks(Path(sys.executable), "no_such_module")
    with pytest.raises(RuntimeError, match="ended with 1:[\\s\\S]*No module named 'no_such_module'"):
        forks.run(["script.py"], str(tmp_path), {}, 60)
    forks.close()
