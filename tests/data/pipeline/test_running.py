"""How pipelines run: threads that end, errors that name their stage, fused stages that give the same, profiles."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import pytest

import headrace as tf
from headrace.data.pipeline import functions
from headrace.data.pipeline import parallel as parallel_stages
from headrace.data.pipeline.buffering import THREADS
from headrace.runtime import executable

Dataset = tf.data.Dataset
ROWS = np.arange(400, dtype=np.float32).reshape(100, 4)


def threads() -> set[str]:
    """The threads of pipelines that are there."""
    return {thread.name for thread in threading.enumerate() if thread.name.startswith(THREADS)}


@pytest.fixture
def no_leak() -> Iterator[None]:
    """Checks that a test leaves no thread of a pipeline behind."""
    gc.collect()
    before = threads()
    yield
    gc.collect()
    deadline = time.monotonic() + 60
    while threads() - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threads() <= before


def slow(x: Any) -> Any:
    """An identity that takes a while and lets others run."""
    return tf.numpy_function(lambda a: (time.sleep(0.002), a)[1], [x], tf.int64)


def parallel() -> Any:
    """A pipeline with threads in three stages."""
    dataset = Dataset.range(40).map(slow, num_parallel_calls=3)
    return dataset.interleave(lambda x: Dataset.from_tensors(x).repeat(2), 3, num_parallel_calls=3).prefetch(4)


@pytest.mark.usefixtures("no_leak")
def test_a_complete_pass_leaves_no_thread() -> None:
    assert len(list(parallel())) == 80


@pytest.mark.usefixtures("no_leak")
def test_a_consumer_that_stops_leaves_no_thread() -> None:
    for _ in parallel():
        assert threads()
        break


@pytest.mark.usefixtures("no_leak")
def test_a_stage_that_fails_leaves_no_thread() -> None:
    def fail(x: Any) -> Any:
        return tf.debugging.check_numerics(1.0 / tf.cast(x - 9, tf.float32), "no")

    with pytest.raises(tf.errors.InvalidArgumentError):
        list(Dataset.range(40).map(slow, 2).map(fail, num_parallel_calls=2).prefetch(3))


@pytest.mark.usefixtures("no_leak")
def test_an_iterator_that_a_function_used_leaves_no_thread() -> None:
    iterator = iter(parallel())
    tf.function(lambda it: next(it))(iterator)  # noqa: PLW0108
    del iterator


@pytest.mark.parametrize("calls", [None, 2])
def test_an_error_names_its_stage(calls: int | None) -> None:
    def reciprocal(x: Any) -> Any:
        return tf.debugging.check_numerics(1.0 / tf.cast(x - 3, tf.float32), "no")

    iterator = iter(Dataset.range(6).map(reciprocal, num_parallel_calls=calls).prefetch(2))
    found: list[float] = []
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"map\(reciprocal\) at element 3"):
        found.extend(float(x) for x in iterator)
    assert found == pytest.approx([-1 / 3, -0.5, -1.0])
    assert [float(x) for x in iterator] == pytest.approx([1.0, 0.5])


def test_an_error_of_python_keeps_its_class() -> None:
    def fail(a: Any) -> Any:
        raise KeyError(int(a))

    dataset = Dataset.range(3).map(lambda x: tf.numpy_function(fail, [x], tf.int64), num_parallel_calls=2)
    with pytest.raises(KeyError) as raised:
        list(dataset)
    assert any("map(<lambda>) at element 0" in note for note in raised.value.__notes__)


def test_results_out_of_order() -> None:
    def uneven(x: Any) -> Any:
        return tf.numpy_function(lambda a: (time.sleep(0.05 if a == 0 else 0), a)[1], [x], tf.int64)

    numbers = [int(x) for x in Dataset.range(20).map(uneven, num_parallel_calls=4, deterministic=False)]
    assert sorted(numbers) == list(range(20))
    assert numbers[0] != 0
    options = tf.data.Options()
    options.deterministic = False
    assert sorted(int(x) for x in Dataset.range(20).map(uneven, 4).with_options(options)) == list(range(20))
    assert [int(x) for x in Dataset.range(20).map(uneven, 4, deterministic=True).with_options(options)] == list(range(20))


def test_several_calls_run_at_once() -> None:
    together = threading.Barrier(3, timeout=30)
    met = Dataset.range(3).map(lambda x: tf.numpy_function(lambda a: (together.wait(), a)[1], [x], tf.int64), num_parallel_calls=3)
    assert [int(x) for x in met] == [0, 1, 2]


def test_parallelism_is_tuned() -> None:
    quick = Dataset.range(200).map(lambda x: tf.ensure_shape(tf.numpy_function(lambda a: a, [x], tf.int64), []), tf.data.AUTOTUNE)
    assert "no thread" in quick.profile().stages[0].tuning
    idle = Dataset.range(100).map(slow, num_parallel_calls=tf.data.AUTOTUNE)
    options = tf.data.Options()
    options.autotune.cpu_budget = 4
    profile = idle.with_options(options).profile()
    stage = next(s for s in profile.stages if s.name == "map(slow)")
    assert int(stage.tuning.split()[0]) >= 2
    assert stage.busy > 0.1


@pytest.mark.parametrize("buffer_size", [1, 7, 100, 1000])
@pytest.mark.parametrize("make", ["slices", "range", "zip", "take", "shard", "cache"])
def test_shuffling_by_number_is_the_same(buffer_size: int, make: str) -> None:
    sources = {
        "slices": lambda: Dataset.from_tensor_slices((ROWS, np.arange(100))),
        "range": lambda: Dataset.range(5, 90, 3),
        "zip": lambda: Dataset.zip((Dataset.range(50), Dataset.from_tensor_slices(ROWS))),
        "take": lambda: Dataset.from_tensor_slices(ROWS).skip(4).take(60),
        "shard": lambda: Dataset.from_tensor_slices(ROWS).shard(3, 1),
        "cache": lambda: Dataset.from_tensor_slices(ROWS).cache(),
    }
    source = sources[make]()
    list(source)
    by_number = source.shuffle(buffer_size, seed=5, reshuffle_each_iteration=False).batch(8)
    # A filter knows no numbers, so elements go through its buffer.
    by_element = source.filter(lambda *_: True).shuffle(buffer_size, seed=5, reshuffle_each_iteration=False).batch(8)
    assert flat(by_number) == flat(by_element)


def flat(dataset: Any) -> list[Any]:
    """The elements as plain lists."""
    return [[np.asarray(part).tolist() for part in tf.nest.flatten(element)] for element in dataset]


def test_a_vectorized_map_is_the_same() -> None:
    def work(row: Any, number: Any) -> Any:
        return {"a": tf.reduce_sum(row * 2) + tf.cast(number, tf.float32), "b": (row, tf.reshape(row, [2, 2]))}

    source = Dataset.from_tensor_slices((ROWS, np.arange(100)))
    options = tf.data.Options()
    options.experimental_optimization.map_vectorization = False
    together, one_by_one = source.map(work).batch(32), source.map(work).batch(32).with_options(options)
    for a, b in zip(together, one_by_one, strict=True):
        for x, y in zip(tf.nest.flatten(a), tf.nest.flatten(b), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-6)


def test_each_element_of_a_block_draws_numbers_of_its_own() -> None:
    drawn = Dataset.range(100).map(lambda x: (x, tf.random.uniform([]) + tf.random.normal([2]))).batch(64)
    numbers, values = (np.concatenate(parts) for parts in zip(*drawn.as_numpy_iterator(), strict=True))
    assert numbers.tolist() == list(range(100))
    assert len(np.unique(values)) == 200
    flipped = Dataset.from_tensor_slices(np.tile(np.arange(4), (400, 1))).map(
        lambda r: tf.where(tf.random.uniform([]) < 0.5, r, -r)
    )
    assert 0.4 < np.mean([sum(row) > 0 for row in next(flipped.batch(400).as_numpy_iterator())]) < 0.6
    seeded = Dataset.range(8).map(lambda x: tf.random.uniform([])).batch(8)
    tf.random.set_seed(4)
    first = next(seeded.as_numpy_iterator()).tolist()
    tf.random.set_seed(4)
    assert first == next(seeded.as_numpy_iterator()).tolist()
    tf.random.set_seed(None)


def test_blocks_of_changing_length_are_compiled_once() -> None:
    dataset = Dataset.from_tensor_slices(ROWS).map(lambda r: r * 2).repeat(3).batch(64)
    np.testing.assert_array_equal(np.concatenate(list(dataset.as_numpy_iterator())), np.tile(ROWS * 2, (3, 1)))
    prepared = dataset.stage.inputs[0].inputs[0]._function.prepared
    assert prepared._sizes == {64}


def test_functions_run_on_the_processor_beside_an_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "host_device", lambda: jax.local_devices(backend="cpu")[0])
    scale = tf.Variable(tf.fill([4], 2.0))
    source = Dataset.from_tensor_slices(ROWS)
    by_variable = source.map(lambda r: tf.tanh(r * scale)).batch(10)
    in_blocks = source.map(lambda r: tf.tanh(r * 2.0)).batch(10)
    np.testing.assert_allclose(list(by_variable.as_numpy_iterator()), list(in_blocks.as_numpy_iterator()), rtol=1e-6)


def test_stateful_maps_are_not_vectorized() -> None:
    count = tf.Variable(0)
    counted = Dataset.range(64).map(lambda x: count.assign_add(1)).batch(64)
    assert np.asarray(next(iter(counted))).tolist() == list(range(1, 65))


def test_shuffle_is_uniform_and_repeatable() -> None:
    places = np.zeros((5, 5))
    for seed in range(1500):
        order = list(Dataset.range(5).shuffle(5, seed=seed).as_numpy_iterator())
        places[np.arange(5), order] += 1
    assert abs(places / 1500 - 0.2).max() < 0.05
    orders = [list(Dataset.range(50).shuffle(10, seed=3).as_numpy_iterator()) for _ in range(2)]
    assert orders[0] == orders[1] != sorted(orders[0])
    # An element comes out at most as far ahead as the buffer is long.
    assert all(x < place + 10 for place, x in enumerate(orders[0]))
    again = Dataset.range(50).shuffle(50, seed=1)
    first, second = (list(again.as_numpy_iterator()) for _ in range(2))
    assert first != second
    fixed = Dataset.range(50).shuffle(50, seed=1, reshuffle_each_iteration=False)
    assert list(fixed.as_numpy_iterator()) == list(fixed.as_numpy_iterator())
    tf.random.set_seed(7)
    one = list(Dataset.range(50).shuffle(50).as_numpy_iterator())
    tf.random.set_seed(7)
    assert one == list(Dataset.range(50).shuffle(50).as_numpy_iterator())
    tf.random.set_seed(None)


def test_a_training_step_stays_one_compiled_segment() -> None:
    weights = tf.Variable(tf.zeros([4, 2]))

    @tf.function
    def step(iterator: Any) -> Any:
        x, y = next(iterator)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=x @ weights))
        weights.assign_sub(0.1 * tape.gradient(loss, weights))
        return loss

    iterator = iter(Dataset.from_tensor_slices((ROWS, np.arange(100) % 2)).repeat().batch(16))
    losses = [float(step(iterator)) for _ in range(3)]
    assert losses[0] == pytest.approx(np.log(2))
    (concrete,) = step.traces()
    segments = executable.of(concrete.graph).plan.segments
    assert [(s.on_host, len(s.nodes) > 1) for s in segments] == [(True, False), (False, True)]
    assert segments[0].nodes[0].op == "IteratorGetNext"


def test_arrays_that_a_pipeline_gives_are_no_door_to_its_source() -> None:
    source = ROWS.copy()
    dataset = Dataset.from_tensor_slices(source).batch(50)
    source[:] = -1
    (first, second) = dataset.as_numpy_iterator()
    assert np.concatenate([first, second]).tolist() == ROWS.tolist()
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1
    total = tf.Variable(tf.zeros([50, 4]))

    @tf.function
    def add(iterator: Any) -> Any:
        total.assign(next(iterator) * 0.0)
        return total.assign_add(tf.ones([50, 4]))

    add(iter(dataset))
    assert next(dataset.as_numpy_iterator()).tolist() == ROWS[:50].tolist()


def test_a_generator_may_fill_one_array_again() -> None:
    def numbers() -> Iterator[Any]:
        array = np.zeros(3, np.float32)
        for i in range(4):
            array[:] = i
            yield array

    dataset = Dataset.from_generator(numbers, output_signature=tf.TensorSpec([3], tf.float32)).batch(4)
    assert next(dataset.as_numpy_iterator())[:, 0].tolist() == [0, 1, 2, 3]


def test_a_generator_is_closed() -> None:
    closed = []

    def numbers() -> Iterator[int]:
        try:
            yield from range(100)
        finally:
            closed.append(True)

    for _ in Dataset.from_generator(numbers, output_signature=tf.TensorSpec([], tf.int32)):
        break
    gc.collect()
    assert closed == [True]


def test_a_profile() -> None:
    profile = Dataset.range(100).map(slow).batch(10).prefetch(2).profile()
    names = [stage.name for stage in profile.stages]
    assert names == ["prefetch", "batch", "map(slow)", "range"]
    assert profile.elements == 10
    assert profile.slowest().name in ("map(slow)", "prefetch")
    by_name = dict(zip(names, profile.stages, strict=True))
    assert by_name["map(slow)"].elements == 100
    assert by_name["map(slow)"].seconds > 0.2
    assert "map(slow)" in str(profile)
    with pytest.raises(ValueError, match="without end"):
        Dataset.range(3).repeat().profile()
    assert Dataset.range(3).repeat().profile(5).elements == 5


def test_iterators_are_for_several_threads() -> None:
    iterator = iter(Dataset.range(3000).map(lambda x: x + 1).prefetch(2))
    found: list[list[int]] = [[], []]
    workers = [threading.Thread(target=lambda into=into: into.extend(int(x) for x in iterator)) for into in found]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(found[0] + found[1]) == list(range(1, 3001))


def test_debug_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions._Debugging, "on", False)
    seen: list[int] = []

    def note(x: Any) -> Any:
        if not tf.inside_function():
            seen.append(int(x))
        return x * 2

    assert [int(x) for x in Dataset.range(3).map(note)] == [0, 2, 4]
    assert seen == []
    tf.data.experimental.enable_debug_mode()
    assert [int(x) for x in Dataset.range(3).map(note).batch(3).unbatch()] == [0, 2, 4]
    assert seen == [0, 1, 2]


def test_names_of_tensorflow_1() -> None:
    dataset = tf.compat.v1.data.Dataset.from_tensor_slices((ROWS, np.arange(100)))
    assert tf.compat.v1.data.get_output_types(dataset) == (tf.float32, tf.int64)
    assert tf.compat.v1.data.get_output_shapes(dataset) == (tf.TensorShape([4]), tf.TensorShape([]))
    assert tf.compat.v1.data.make_one_shot_iterator(dataset).get_next()[1].numpy() == 0
    assert tf.data.experimental.TensorStructure(tf.int32, [2]) == tf.TensorSpec([2], tf.int32)


def test_threads_share_long_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel_stages, "_LONG", 0.0)
    source = Dataset.from_tensor_slices((np.tile(ROWS, (20, 1)), np.arange(2000)))

    def work(row: Any, number: Any) -> Any:
        return tf.sin(row), number

    shared = source.map(work, num_parallel_calls=3).batch(50)
    assert flat(shared) == flat(source.map(work).batch(50))
    assert next(s for s in shared.profile().stages if s.name == "map(work)").tuning == "blocks in 3 parts"


def test_a_python_loop_over_a_dataset_ends_with_an_error_while_a_graph_is_traced() -> None:
    @tf.function(autograph=False)
    def total() -> tf.Tensor:
        return sum(tf.data.Dataset.range(3))

    with pytest.raises(ValueError, match="more than 32 elements while one graph was traced"):
        total()


def test_one_iterator_serves_any_number_of_graphs() -> None:
    numbers = iter(tf.data.Dataset.range(100))

    @tf.function(autograph=False)
    def following(x: tf.Tensor) -> tf.Tensor:
        return next(numbers) + tf.cast(tf.size(x), tf.int64) * 0

    found = [int(following(tf.zeros([size]))) for size in range(40)]
    assert found == list(range(40))
