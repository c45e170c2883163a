"""Graphs that need the host: where they are cut, what they compute, and in which order effects happen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import headrace as tf
from headrace.dispatch.lists import HostList
from headrace.runtime import executable, segments

X = np.float32([1, -1, 2, -3])


def kinds(function, *arguments):
    """One letter a segment: H on the host, D compiled."""
    plan = executable.of(function.get_concrete_function(*arguments).graph).plan
    return "".join("H" if segment.on_host else "D" for segment in plan.segments)


def test_a_host_op_between_compiled_parts():
    @tf.function
    def positives(x):
        places = tf.where(x > 0.0)
        return tf.reduce_sum(tf.gather(x, places[:, 0]) * 2.0)

    assert float(positives(tf.constant(X))) == 6
    assert float(positives(tf.constant(-X))) == 8
    assert kinds(positives, tf.constant(X)) == "DHD"


def test_a_size_that_depends_on_data_is_fetched_with_its_arithmetic():
    @tf.function
    def triangle(n):
        return tf.reduce_sum(tf.range(n + 1))

    assert [int(triangle(tf.constant(n))) for n in (5, 7, 0)] == [15, 28, 0]
    assert kinds(triangle, tf.constant(5)) == "HD"


def test_a_graph_without_host_ops_stays_whole():
    function = tf.function(lambda x: tf.reshape(x, [tf.shape(x)[0] // 2, 2]))
    assert kinds(function, tf.TensorSpec([None], tf.float32)) == "D"


def test_strings_that_no_operation_reads_pass_by():
    @tf.function
    def program(text, ignored, x):
        return text, x + 1.0

    text, y = program(tf.constant(["a"]), tf.constant("b"), tf.constant(1.0))
    np.testing.assert_array_equal(text, [b"a"])
    assert float(y) == 2.0


def test_effects_keep_the_order_of_the_program(capsys):
    v = tf.Variable(1.0)
    seen = []

    @tf.function
    def step(x):
        v.assign_add(x)
        tf.numpy_function(lambda a: seen.append(float(a)), [v], [])
        tf.print("first", v)
        v.assign(v * 10.0)
        tf.print("second", v)
        return v + 0.0

    assert float(step(tf.constant(2.0))) == 30
    assert float(step(tf.constant(1.0))) == 310
    assert seen == [3, 31]
    assert capsys.readouterr().err == "first 3\nsecond 30\nfirst 31\nsecond 310\n"


def test_a_failed_assertion_stops_the_effects_after_it():
    v = tf.Variable(0.0)

    @tf.function
    def guarded(x):
        tf.debugging.assert_less(x, 5.0, message="too large")
        v.assign(x)
        return x

    guarded(tf.constant(4.0))
    with pytest.raises(tf.errors.InvalidArgumentError, match="too large") as failure:
        guarded(tf.constant(9.0))
    assert float(v) == 4
    assert any("test_partition.py" in note for note in failure.value.__notes__)


def test_jit_compile_names_what_prevents_it():
    function = tf.function(lambda x, n: (tf.unique(x)[0], tf.zeros([n])), jit_compile=True)
    with pytest.raises(tf.errors.InvalidArgumentError, match="jit_compile") as failure:
        function(tf.constant([1, 1, 2]), tf.constant(3))
    assert "Unique (node Unique" in str(failure.value)
    assert "Fill (node" in str(failure.value)
    assert "test_partition.py:" in str(failure.value)


def test_many_specializations_are_reported_once(caplog):
    function = tf.function(lambda n: tf.zeros([n]))
    for n in range(70):
        assert function(tf.constant(n)).shape == (n,)
    assert caplog.text.count("compiled anew") == 1
    assert "test_partition.py" in caplog.text


UNARY = {
    "double": lambda x: x * 2.0,
    "positive": lambda x: tf.gather(x, tf.where(x > 0.0)[:, 0]),
    "unique": lambda x: tf.unique(x)[0],
    "pad": lambda x: tf.concat([x, tf.zeros([tf.size(tf.unique(x)[0])])], 0),
    "sum": lambda x: x + tf.reduce_sum(x),
    "repeat": lambda x: tf.tile(x, [tf.cast(tf.reduce_sum(tf.cast(x > 1.0, tf.int32)) % 2 + 1, tf.int32)]),
}


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from([*UNARY, "assign", "add"]), min_size=1, max_size=6))
def test_random_programs_equal_their_eager_runs(steps):
    def run(x, v):
        for step in steps:
            if step == "assign":
                v.assign(tf.reduce_sum(x) * 0.25)
            elif step == "add":
                x = x + v
            else:
                x = UNARY[step](x)
        return x, v + 0.0

    eager, compiled = tf.Variable(0.5), tf.Variable(0.5)
    function = tf.function(run)
    for _ in range(2):
        for want, got in zip(run(tf.constant(X), eager), function(tf.constant(X), compiled), strict=True):
            np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-5)


def test_lists_that_a_graph_does_not_read_are_not_made_for_it(monkeypatch):
    """The condition of a loop on the host would else be compiled for every length of its lists."""

    @tf.function
    def doubled(n):
        rows = tf.TensorArray(tf.float32, size=0, dynamic_size=True)
        total = tf.constant(0.0)
        while total < n:
            rows = rows.write(rows.size(), total)
            total += tf.ensure_shape(tf.numpy_function(lambda x: np.float32(2), [total], tf.float32), [])
        return rows.stack()

    made = []
    monkeypatch.setattr(segments, "stacked", lambda value: made.append(type(value)) or value)
    assert doubled(tf.constant(6.0)).numpy().tolist() == [0, 2, 4]
    assert HostList not in made


def test_a_range_of_moving_bounds_is_made_on_the_host():
    """Compiled, it would be compiled anew for every window of a series."""

    @tf.function
    def window(x, first):
        return tf.gather(x, tf.range(first, first + 2))

    assert [window(tf.constant(X), tf.constant(i)).numpy().tolist() for i in (0, 2)] == [[1, -1], [2, -3]]
    plan = executable.of(window.get_concrete_function(tf.constant(X), tf.constant(0)).graph).plan
    assert [(segment.on_host, segment.statics) for segment in plan.segments] == [(True, frozenset()), (False, frozenset())]
