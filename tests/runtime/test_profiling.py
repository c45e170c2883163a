"""Profiles: where they are written, what is in them, and what is refused."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
from pathlib import Path

import pytest
from jax.profiler import ProfileData

import headrace as tf
from headrace.core import errors

profiler = tf.profiler.experimental


def _runs(logdir: Path) -> list[Path]:
    return sorted((logdir / "plugins" / "profile").glob("*"))


def _work() -> None:
    double = tf.function(lambda x: x @ x)
    for step in range(3):
        with profiler.Trace("train", step_num=step, _r=1) as trace:
            trace.set_metadata(rows=64)
            double(tf.ones([64, 64]))


def test_a_profile_in_the_layout_of_tensorboard(tmp_path: Path) -> None:
    with profiler.Profile(tmp_path / "logs"):
        _work()
    (run,) = _runs(tmp_path / "logs")
    host = socket.gethostname()
    assert {path.name for path in run.iterdir()} == {f"{host}.xplane.pb", f"{host}.trace.json.gz"}
    planes = ProfileData.from_file(str(run / f"{host}.xplane.pb")).planes
    events = [event.name for plane in planes for line in plane.lines for event in line.events]
    assert events.count("train") == 3
    shown = json.loads(gzip.decompress((run / f"{host}.trace.json.gz").read_bytes()))
    assert {event["args"]["step_num"] for event in shown["traceEvents"] if event.get("name") == "train"} == {"0", "1", "2"}
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["plugins"]


def test_python_calls_are_in_it_where_asked_for(tmp_path: Path) -> None:
    profiler.start(str(tmp_path), profiler.ProfilerOptions(host_tracer_level=1, python_tracer_level=1))
    _work()
    profiler.stop()
    (run,) = _runs(tmp_path)
    planes = ProfileData.from_file(str(next(run.glob("*.xplane.pb")))).planes
    assert any("_work" in event.name for plane in planes for line in plane.lines for event in line.events)


def test_two_profiles_of_one_second_are_both_kept(tmp_path: Path) -> None:
    for _ in range(2):
        profiler.start(tmp_path)
        profiler.stop()
    assert len(_runs(tmp_path)) == 2


def test_nothing_is_left_of_a_profile_that_is_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for logdir in ("", "logs"):
        profiler.start(logdir=logdir)
        profiler.stop(save=False)
    assert list((tmp_path / "logs").iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_one_at_a_time(tmp_path: Path) -> None:
    with pytest.raises(errors.UnavailableError, match="no profile"):
        profiler.stop()
    profiler.start(tmp_path)
    with pytest.raises(errors.AlreadyExistsError, match="stop it first"):
        profiler.start(tmp_path / "other")
    profiler.stop(save=False)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(errors.AlreadyExistsError, match="file"):
        profiler.start(tmp_path / "file")
    profiler.start(tmp_path)
    profiler.stop(save=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(disk)], capture_output=True, check=False).returncode:
        pytest.skip("tmpfs cannot be mounted here")
    try:
        profiler.start(disk)
        _work()
        with pytest.raises(errors.ResourceExhaustedError, match="No space left"):
            profiler.stop()
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
    with profiler.Profile(tmp_path):
        _work()
    assert len(_runs(tmp_path)) == 1


def test_a_server_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    profiler.server.start(port)
    with socket.create_connection(("127.0.0.1", port), timeout=10):
        pass
    with pytest.raises(errors.AlreadyExistsError):
        profiler.server.start(port)
