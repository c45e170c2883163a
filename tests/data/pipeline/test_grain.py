"""Datasets over Grain: the same elements as Grain's own iterators give, exact positions, bad input; the shares of hosts."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grain
import jax
import numpy as np
import pytest
from array_record.python.array_record_module import ArrayRecordWriter

import headrace as tf

Dataset = tf.data.Dataset


class Doubled(grain.transforms.Map):
    """A transformation as loaders take it."""

    def map(self, element: int) -> Any:
        return {"twice": np.int64(2 * element), "name": f"n{element}"}


def _loader() -> Any:
    sampler = grain.samplers.IndexSampler(12, grain.sharding.NoSharding(), shuffle=True, num_epochs=1, seed=1)
    source = grain.sources.RangeDataSource(0, 12, 1)
    return grain.DataLoader(data_source=source, sampler=sampler, operations=[Doubled(), grain.transforms.Batch(2)])


def _numbers(count: int = 12) -> Any:
    return grain.MapDataset.range(count)


SOURCES: dict[str, Callable[[], Any]] = {
    "numbers": _numbers,
    "shuffled": lambda: _numbers(24).seed(3).shuffle().map(lambda x: {"row": np.arange(3) + x, "text": f"t{x}"}).batch(2),
    "filtered": lambda: _numbers().filter(lambda x: x % 3 > 0).map(lambda x: (np.float32(x), (x,))),
    "iterated": lambda: grain.experimental.WindowShuffleIterDataset(_numbers(30).to_iter_dataset(), window_size=5, seed=2),
    "mixed": lambda: grain.MapDataset.mix([_numbers(), _numbers().map(lambda x: x + 100)], weights=[2, 1]),
    "loader": _loader,
}


def rest(iterator: Any) -> list[Any]:
    """What is left, as plain lists."""
    return [[np.asarray(part).tolist() for part in tf.nest.flatten(element)] for element in iterator]


def theirs(source: Any) -> list[Any]:
    """What Grain's own iterator gives, with text as bytes."""
    flat = [[np.asarray(part) for part in tf.nest.flatten(element)] for element in source]
    return [[(np.char.encode(p) if p.dtype.kind == "U" else p).tolist() for p in element] for element in flat]


@pytest.mark.parametrize("name", SOURCES)
def test_elements_are_those_of_grain(name: str) -> None:
    dataset = Dataset.from_grain(SOURCES[name]())
    assert rest(dataset) == theirs(SOURCES[name]())
    assert rest(dataset) == rest(dataset.as_numpy_iterator())


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("taken", [0, 1, 4, 40])
def test_a_position_is_restored_exactly(name: str, taken: int) -> None:
    def make() -> Any:
        return iter(Dataset.from_grain(SOURCES[name]()).prefetch(2).repeat(2))

    iterator = make()
    for _ in range(taken):
        next(iterator, None)
    position = iterator.packed_position()
    expected = rest(iterator)
    again = make()
    again.restore_position(position)
    assert rest(again) == expected


def test_in_a_checkpoint(tmp_path: Path) -> None:
    def make() -> Any:
        return iter(Dataset.from_grain(_numbers(30).seed(1).shuffle()).map(lambda x: x + 1).shuffle(4, seed=1).batch(3))

    iterator = make()
    next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / "ckpt"))
    again = make()
    tf.train.Checkpoint(iterator=again).restore(path).assert_consumed()
    assert rest(again) == rest(iterator)


def test_array_records(tmp_path: Path) -> None:
    path = str(tmp_path / "rows.array_record")
    writer = ArrayRecordWriter(path, "group_size:1")
    for number in range(5):
        feature = tf.train.Feature(int64_list=tf.train.Int64List(value=[number]))
        writer.write(tf.train.Example(features=tf.train.Features(feature={"n": feature})).SerializeToString())
    writer.close()
    dataset = Dataset.from_grain(grain.MapDataset.source(grain.sources.ArrayRecordDataSource(path)))
    assert dataset.element_spec == tf.TensorSpec((), tf.string)
    parsed = dataset.map(lambda x: tf.io.parse_single_example(x, {"n": tf.io.FixedLenFeature((), tf.int64)})["n"])
    assert rest(parsed) == [[0], [1], [2], [3], [4]]


def test_number_and_structure_of_elements() -> None:
    endless = Dataset.from_grain(_numbers(3).repeat())
    assert int(endless.cardinality()) == tf.data.INFINITE_CARDINALITY
    assert rest(endless.take(7)) == [[0], [1], [2], [0], [1], [2], [0]]
    assert int(Dataset.from_grain(_numbers()).cardinality()) == tf.data.UNKNOWN_CARDINALITY
    signature = tf.TensorSpec([None], tf.float64)
    growing = Dataset.from_grain(_numbers(4).map(np.zeros), output_signature=signature)
    assert [row.shape.as_list() for row in growing] == [[0], [1], [2], [3]]
    assert Dataset.from_grain(_numbers(0), output_signature=signature).element_spec == signature
    assert next(iter(Dataset.from_grain(_numbers(2), tf.TensorSpec((), tf.int64)))).dtype is tf.int64


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x if x < 3 else 1.5, r"element 3\) gave 1.5; expected int32"),
        (lambda x: np.zeros(2 if x < 3 else 4), r"element 3\) gave an element of shape \(4,\); expected \(2,\).* output_signature"),
        (lambda x: {"a": x} if x < 3 else {"b": x}, r"element 3\) gave an element that does not have the structure"),
        (lambda x: (x, x) if x < 3 else x, r"element 3\) gave an element that does not have the structure"),
        (lambda x: x if x < 3 else object(), r"element 3\) gave <object .* expected int32"),
    ],
)
def test_an_element_unlike_the_first(function: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"from_grain\(MapMapDataset\) \(" + message):
        list(Dataset.from_grain(_numbers(5).map(function)))


def test_an_error_names_the_stage_and_ends_the_pass() -> None:
    def fails(x: int) -> float:
        return 1 / (x - 2)

    iterator = iter(Dataset.from_grain(_numbers(5).map(fails)))
    assert [float(next(iterator)) for _ in range(2)] == [-0.5, -1.0]
    with pytest.raises(tf.errors.UnknownError, match=r"ZeroDivisionError.*\[in from_grain\(MapMapDataset\) at element 2\]"):
        next(iterator)
    position = iterator.packed_position()
    assert rest(iterator) == []
    iterator.restore_position(position)
    assert rest(iterator) == []


def test_bad_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    for source in ([1, 2], Dataset.range(3), iter(_numbers())):
        with pytest.raises(TypeError, match=r"from_grain takes a grain.MapDataset.* got .*grain.MapDataset.source"):
            Dataset.from_grain(source)
    with pytest.raises(TypeError, match="output_signature must be made of tf.TypeSpec objects"):
        Dataset.from_grain(_numbers(), output_signature=tf.int32)
    for empty in (_numbers(0), _numbers(4).filter(lambda x: x > 9), _numbers(0).to_iter_dataset()):
        with pytest.raises(ValueError, match=r"from_grain\(\w+\) has no elements .* give output_signature"):
            Dataset.from_grain(empty)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"from_grain\(MapMapDataset\) gave a first element"):
        Dataset.from_grain(_numbers().map(lambda _: object()))
    source = _numbers()
    monkeypatch.setitem(sys.modules, "grain", None)
    with pytest.raises(tf.errors.UnimplementedError, match=r"install headrace\[grain\]"):
        Dataset.from_grain(source)


def test_the_position_of_another_pipeline() -> None:
    position = iter(Dataset.from_grain(_numbers())).packed_position()
    for other in (SOURCES["loader"](), SOURCES["iterated"]()):
        with pytest.raises(tf.errors.InvalidArgumentError, match="not one of this pipeline"):
            iter(Dataset.from_grain(other)).restore_position(position)


def test_a_consumer_that_stops_ends_the_threads_of_grain() -> None:
    before = set(threading.enumerate())
    iterator = iter(Dataset.from_grain(_numbers(5000).map(lambda x: x + 1)))
    next(iterator)
    started = set(threading.enumerate()) - before
    assert started
    del iterator
    for thread in started:
        thread.join(10)
    assert not any(thread.is_alive() for thread in started)


PROCESSES = """
import json, os
import grain, numpy as np

def worked(x):
    return np.array([x, os.getpid()])

if __name__ == "__main__":
    import headrace as tf
    options = grain.multiprocessing.MultiprocessingOptions(num_workers=2)
    source = grain.MapDataset.range(9).map(worked).to_iter_dataset().mp_prefetch(options)
    iterator = iter(tf.data.Dataset.from_grain(source, tf.TensorSpec([2], tf.int64)))
    rows = [next(iterator).numpy().tolist() for _ in range(4)]
    position = iterator.packed_position()
    rest = [row.numpy().tolist()[0] for row in iterator]
    iterator.restore_position(position)
    again = [row.numpy().tolist()[0] for row in iterator]
    print(json.dumps({"rows": rows, "rest": rest, "again": again, "pid": os.getpid()}))
"""


def test_several_processes(tmp_path: Path) -> None:
    script = tmp_path / "several.py"
    script.write_text(PROCESSES)
    root = str(Path(tf.__file__).parents[1])
    command = [sys.executable, str(script)]
    done = subprocess.run(command, cwd=root, env={"PYTHONPATH": root}, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr.decode()
    answer = json.loads(done.stdout.splitlines()[-1])
    assert [row[0] for row in answer["rows"]] == [0, 1, 2, 3]
    assert answer["rest"] == answer["again"] == [4, 5, 6, 7, 8]
    workers = {row[1] for row in answer["rows"]}
    assert len(workers) == 2
    assert answer["pid"] not in workers


def test_each_host_gets_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rest(Dataset.range(5).shard_by_host()) == [[0], [1], [2], [3], [4]]
    monkeypatch.setattr(jax, "process_count", lambda: 3)
    shares = []
    for host in range(3):
        monkeypatch.setattr(jax, "process_index", lambda host=host: host)
        share = Dataset.range(10).shard_by_host()
        assert rest(share) == rest(Dataset.range(10).shard(3, host))
        assert len(share) == len(rest(share))
        assert rest(Dataset.from_grain(_numbers(10)).shard_by_host()) == rest(share)
        shares.extend(rest(share))
    assert sorted(shares) == [[number] for number in range(10)]
