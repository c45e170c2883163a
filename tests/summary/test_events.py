"""Event files under full disks, killed processes, threads and forks; TensorBoard's own loader reads them."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

from headrace.core import errors
from headrace.proto.messages import Event
from headrace.summary.events import VERSION, WRITER, EventFile, write_graph


def loaded(folder: Path) -> list[Any]:
    """What TensorBoard reads from every event file in a folder, each file's first event aside."""
    found = []
    for path in sorted(folder.glob("*tfevents*")):
        first, *rest = LegacyEventFileLoader(str(path)).Load()
        assert (first.file_version, first.source_metadata.writer) == (VERSION, WRITER)
        found += rest
    return found


def steps(folder: Path) -> list[int]:
    """The steps of those events."""
    return [event.step for event in loaded(folder)]


def event(step: int, size: int = 0) -> Any:
    """An event of about that many bytes."""
    return Event(wall_time=1.5, step=step, graph_def=b"x" * size)


def run(script: str, *args: object) -> subprocess.CompletedProcess[str]:
    """Runs a script in a process of its own."""
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_events_wait_until_the_queue_is_full(tmp_path: Path) -> None:
    file = EventFile(str(tmp_path), max_queue=2)
    for step in range(2):
        file.write(event(step))
    assert steps(tmp_path) == []
    file.write(event(2))
    assert steps(tmp_path) == [0, 1, 2]
    file.write(event(3))
    file.flush()
    assert steps(tmp_path) == [0, 1, 2, 3]
    file.close()
    file.close()
    with pytest.raises(errors.NotFoundError, match="closed"):
        file.write(event(4))


def test_events_wait_no_longer_than_the_time(tmp_path: Path) -> None:
    file = EventFile(str(tmp_path), max_queue=100, flush_millis=1)
    time.sleep(0.01)
    file.write(event(0))
    assert steps(tmp_path) == [0]


def test_the_name_is_that_of_tensorflow(tmp_path: Path) -> None:
    names = [Path(EventFile(str(tmp_path / "made" / "here"), suffix=suffix).path) for suffix in (".v2", ".x")]
    assert [path.parent for path in names] == [tmp_path / "made" / "here"] * 2
    kind, out, mark, seconds, *_, pid, number, suffix = names[0].name.split(".")
    assert (kind, out, mark, suffix) == ("events", "out", "tfevents", "v2")
    assert abs(int(seconds) - time.time()) < 60
    assert int(pid) == os.getpid()
    assert int(names[1].name.split(".")[-2]) == int(number) + 1


@pytest.mark.parametrize("below", ["file", "file/folder"])
def test_a_file_in_the_way(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(errors.FailedPreconditionError, match="file"):
        EventFile(str(tmp_path / below))


def test_many_threads(tmp_path: Path) -> None:
    file = EventFile(str(tmp_path), max_queue=3)

    def write(first: int) -> None:
        for step in range(first, first + 200):
            file.write(event(step, step % 50))

    threads = [threading.Thread(target=write, args=(1000 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    file.close()
    found = steps(tmp_path)
    assert sorted(found) == [1000 * i + step for i in range(4) for step in range(200)]
    for i in range(4):  # each thread's events in its order
        assert [step for step in found if step // 1000 == i] == sorted(step for step in found if step // 1000 == i)


FULL_DISK = """
    import json, os, resource, shutil, signal, sys
    from headrace.core.errors import OpError
    from headrace.proto.messages import Event
    from headrace.summary.events import EventFile

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    file = EventFile(sys.argv[1], max_queue=0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    refused = []
    for step in range(20):
        try:
            file.write(Event(step=step, graph_def=b"x" * 100))
        except OpError as error:
            refused.append([step, type(error).__name__])
            assert file.path in str(error)
    assert os.stat(file.path).st_size <= 1000
    print(json.dumps(refused), flush=True)
    shutil.copy(file.path, sys.argv[2])
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    file.write(Event(step=20))
    file.flush()
    os._exit(0)
"""


def test_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    done = run(FULL_DISK, tmp_path, tmp_path / "full" / "tfevents")
    assert done.returncode == 0, done.stderr
    refused = json.loads(done.stdout)
    first = refused[0][0]
    assert 3 < first < 10
    assert refused == [[step, "OutOfRangeError"] for step in range(first, 20)]  # the limit is that of a file, not of a disk
    assert steps(tmp_path / "full") == [*range(first)]
    # What was refused first was taken and is written when there is room; what came after it was not taken.
    assert steps(tmp_path) == [*range(first + 1), 20]


def _write_without_end(file: EventFile) -> None:
    for step in itertools.count():
        file.write(event(step, 1000))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_small_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True, check=False)
    if made.returncode != 0:
        pytest.skip("tmpfs cannot be mounted here")
    try:
        file = EventFile(str(disk), max_queue=0)
        with pytest.raises(errors.ResourceExhaustedError, match="tfevents.*No space left"):
            _write_without_end(file)
        kept = steps(disk)
        assert len(kept) > 40
        assert kept == [*range(len(kept))]
        with pytest.raises(errors.ResourceExhaustedError):
            file.flush()
        assert steps(disk) == kept
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_killed_process(tmp_path: Path) -> None:
    script = """
        import sys
        from headrace.proto.messages import Event
        from headrace.summary.events import EventFile
        file = EventFile(sys.argv[1], max_queue=7)
        for step in range(10**9):
            file.write(Event(step=step, graph_def=b"x" * (step % 3000)))
            if step % 100 == 99:
                file.flush()
                print(step, flush=True)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for _ in range(5):
            flushed = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        flushed = int((process.stdout.read().split() or [str(flushed)])[-1])
    found = steps(tmp_path)
    assert found == [*range(len(found))]
    assert len(found) > flushed


def test_a_cut_off_record_ends_the_file(tmp_path: Path) -> None:
    file = EventFile(str(tmp_path), max_queue=0)
    for step in range(3):
        file.write(event(step, 50))
    os.truncate(file.path, os.stat(file.path).st_size - 20)
    assert steps(tmp_path) == [0, 1]


def test_a_removed_folder_is_made_again(tmp_path: Path) -> None:
    file = EventFile(str(tmp_path / "logs"), max_queue=0)
    file.write(event(0))
    shutil.rmtree(tmp_path / "logs")
    file.write(event(1))
    file.write(event(2))
    assert steps(tmp_path / "logs") == [1, 2]


def test_a_forked_child_writes_a_file_of_its_own(tmp_path: Path) -> None:
    script = """
        import os, sys
        from headrace.proto.messages import Event
        from headrace.summary.events import EventFile
        file = EventFile(sys.argv[1])
        file.write(Event(step=1))
        if os.fork() == 0:
            file.write(Event(step=2))
            file.close()
            os._exit(0)
        os.wait()
        file.close()
    """
    done = run(script, tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.iterdir())) == 2
    assert sorted(steps(tmp_path)) == [1, 2]


def test_a_graph_at_once(tmp_path: Path) -> None:
    path = write_graph(tmp_path / "new", Event())
    assert path.parent == tmp_path / "new"
    assert len(loaded(tmp_path / "new")) == 1
