"""The executable cache on disk, seen from separate processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.core import caching
from headrace.runtime import cache

PROGRAM = """
import json, logging, os, sys
logging.basicConfig(stream=sys.stderr)
import jax
counts = {"hits": 0, "misses": 0}
def count(name, **_):
    for kind in counts:
        counts[kind] += name == f"/jax/compilation_cache/cache_{kind}"
jax.monitoring.register_event_listener(count)
import headrace as tf
v = tf.Variable(tf.ones([4]))
@tf.function
def step(x):
    v.assign_add(tf.reduce_sum(tf.matmul(x, x), 0))
    return tf.reduce_sum(tf.unique(v)[0])
result = float(step(tf.ones([4, 4])))
print(json.dumps({"result": result, **counts}))
"""


def run(folder, **variables):
    environment = {**os.environ, "HEADRACE_CACHE_DIR": str(folder), **variables}
    if folder is None:
        del environment["HEADRACE_CACHE_DIR"]
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=120, check=True)
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def test_a_second_process_compiles_nothing_and_damage_is_survived(tmp_path):
    first, _ = run(tmp_path)
    assert first["misses"] > 0
    second, _ = run(tmp_path)
    assert second["misses"] == 0
    assert second["hits"] > 0
    assert first["result"] == second["result"] == 17
    for entry in Path(tmp_path).rglob("*-cache"):
        entry.write_bytes(b"damaged" + entry.read_bytes()[:20])
    third, _ = run(tmp_path)
    assert third["result"] == 17


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has a cache folder of its own")
def test_it_is_on_by_default_in_the_users_cache_folder(tmp_path):
    first, _ = run(None, XDG_CACHE_HOME=str(tmp_path))
    assert first["misses"] > 0
    entries = list((tmp_path / "headrace" / "executables" / caching.processor()).glob("*-cache"))
    assert len(entries) == first["misses"]
    assert run(None, XDG_CACHE_HOME=str(tmp_path))[0]["misses"] == 0


def test_a_default_folder_that_cannot_be_written_says_nothing(tmp_path):
    obstacle = tmp_path / "file"
    obstacle.write_text("")
    found, errors = run(None, XDG_CACHE_HOME=str(obstacle), HOME=str(obstacle))
    assert found == {"result": 17, "hits": 0, "misses": 0}
    assert "not cached" not in errors


def test_the_least_recently_used_entries_go_once_a_day(tmp_path):
    for age, name in enumerate("abcd"):
        (tmp_path / name).write_bytes(bytes(100))
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    cache.trim(tmp_path, most=250)
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b", "trimmed"}
    cache.trim(tmp_path, most=50)
    assert len(list(tmp_path.iterdir())) == 3, "it was trimmed a moment ago"
    os.utime(tmp_path / "trimmed", (1e9, 1e9))
    cache.trim(tmp_path, most=50)
    assert {path.name for path in tmp_path.iterdir()} == {"trimmed"}


def test_processors_that_differ_have_folders_that_differ(monkeypatch):
    ours = caching.processor()
    assert ours == caching.processor()
    monkeypatch.setattr(caching, "_abilities", lambda: "flags: avx1024")
    assert ours != caching.processor()


@pytest.mark.parametrize("kind", ["a file", "under a file"])
def test_a_folder_that_cannot_be_written_gives_one_warning(tmp_path, kind):
    obstacle = tmp_path / "file"
    obstacle.write_text("")
    found, errors = run(obstacle if kind == "a file" else obstacle / "below")
    assert found == {"result": 17, "hits": 0, "misses": 0}
    assert errors.count("are not cached") == 1


def test_it_can_be_switched_off(tmp_path):
    assert run("off")[0]["misses"] == 0
