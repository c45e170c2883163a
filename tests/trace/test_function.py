"""tf.function: tracing, the cache, signatures, captures, variables and gradients."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import headrace as tf


def test_traces_once_for_each_shape_and_dtype():
    traced = []

    @tf.function
    def f(x):
        traced.append(x.shape)
        return x * 2

    np.testing.assert_array_equal(f(tf.constant([1.0, 2.0])), [2, 4])
    f(tf.constant([3.0, 4.0]))
    f(np.array([3.0, 4.0], np.float32))
    assert len(traced) == 1
    f(tf.constant([1.0]))
    f(tf.constant([1, 2]))
    assert len(traced) == 3 == f.experimental_get_tracing_count()


def test_python_values_are_part_of_the_key():
    @tf.function
    def f(x, factor=2.0, *, flag=True):
        return x * factor if flag else x

    x = tf.constant(3.0)
    assert f(x).numpy() == 6.0
    assert f(x, 4.0).numpy() == 12.0
    assert f(x, factor=4.0).numpy() == 12.0
    assert f(x, flag=False).numpy() == 3.0
    assert f.experimental_get_tracing_count() == 3


def test_structures_in_and_out():
    @tf.function
    def f(pair, named):
        return {"sum": pair[0] + pair[1], "rest": [named["a"], None, (named["b"],)]}

    out = f((tf.constant(1.0), tf.constant(2.0)), {"b": tf.constant(4.0), "a": tf.constant(3.0)})
    assert out["sum"].numpy() == 3.0
    assert out["rest"][0].numpy() == 3.0
    assert out["rest"][1] is None
    assert out["rest"][2][0].numpy() == 4.0


def test_input_signature_fixes_the_trace_and_checks_arguments():
    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32)])
    def f(x):
        return tf.reduce_sum(x, axis=0)

    np.testing.assert_array_equal(f(np.ones((2, 3), np.float32)), [2, 2, 2])
    np.testing.assert_array_equal(f([[1.0, 2.0, 3.0]]), [1, 2, 3])
    f(tf.ones([7, 3]))
    assert f.experimental_get_tracing_count() == 1
    with pytest.raises(TypeError, match=r"shape \(2, 4\).*asks for"):
        f(tf.ones([2, 4]))
    with pytest.raises(TypeError, match="int32"):
        f(tf.constant([[1, 2, 3]]))
    with pytest.raises(TypeError):
        f()


def test_reduce_retracing_widens_shapes():
    @tf.function(reduce_retracing=True)
    def f(x):
        return tf.reduce_sum(x)

    for size in range(1, 8):
        assert f(tf.ones([size])).numpy() == size
    assert f.experimental_get_tracing_count() <= 3


def test_concrete_functions():
    @tf.function
    def f(x, y):
        return {"out": x + y}

    concrete = f.get_concrete_function(tf.TensorSpec([None], tf.float32), tf.TensorSpec([], tf.float32))
    np.testing.assert_array_equal(concrete(tf.constant([1.0, 2.0]), tf.constant(1.0))["out"], [2, 3])
    np.testing.assert_array_equal(concrete(x=tf.constant([1.0]), y=tf.constant(5.0))["out"], [6])
    assert concrete.structured_outputs["out"].shape == [None]
    assert "TensorSpec(shape=(None,)" in f.pretty_printed_concrete_signatures()
    with pytest.raises(tf.errors.InvalidArgumentError, match="'x'"):
        concrete(tf.constant([1, 2]), tf.constant(1.0))
    with pytest.raises(TypeError, match="missing"):
        concrete(tf.constant([1.0]))
    with pytest.raises(TypeError, match="besides"):
        concrete(tf.constant([1.0]), tf.constant(1.0), z=tf.constant(2.0))


def test_captured_tensors_and_variables():
    scale, bias = tf.constant(np.arange(100, dtype=np.float32)), tf.Variable(1.0)

    @tf.function
    def f(x):
        return x * scale + bias

    np.testing.assert_array_equal(f(tf.constant(2.0)), np.arange(100) * 2 + 1)
    bias.assign(5.0)
    np.testing.assert_array_equal(f(tf.constant(2.0)), np.arange(100) * 2 + 5)


def test_variables_are_updated_in_order():
    v = tf.Variable(1.0)

    @tf.function
    def f(x):
        before = v.read_value()
        v.assign_add(x)
        middle = v.read_value()
        v.assign(v * 10.0)
        return before, middle

    before, middle = f(tf.constant(2.0))
    assert (before.numpy(), middle.numpy(), v.numpy()) == (1.0, 3.0, 30.0)


def test_a_value_read_before_a_compiled_update_stays():
    v = tf.Variable(tf.zeros([1000]))

    @tf.function
    def step():
        v.assign_add(tf.ones([1000]))

    seen = []
    for _ in range(4):
        step()
        seen.append((v.read_value(), v.numpy()))
    for count, (tensor, array) in enumerate(seen, 1):
        np.testing.assert_array_equal(tensor, np.full(1000, count))
        np.testing.assert_array_equal(array, np.full(1000, count))


def test_a_variable_returned_by_a_function_is_not_donated_later():
    v = tf.Variable(tf.ones([10]))

    @tf.function
    def read():
        return v.read_value()

    @tf.function
    def double():
        v.assign(v * 2.0)
        return v.read_value()

    first, second = read(), double()
    third = double()
    np.testing.assert_array_equal(first, np.ones(10))
    np.testing.assert_array_equal(second, np.full(10, 2))
    np.testing.assert_array_equal(third, np.full(10, 4))


def test_the_same_variable_twice():
    @tf.function
    def swap(a, b):
        old = a.read_value()
        a.assign(b)
        b.assign(old + 1.0)

    v, w = tf.Variable(1.0), tf.Variable(5.0)
    swap(v, w)
    assert (v.numpy(), w.numpy()) == (5.0, 2.0)
    swap(v, v)
    assert v.numpy() == 6.0


def test_variables_are_created_on_the_first_trace_only():
    class Layer(tf.Module):
        def __init__(self):
            super().__init__()
            self.w = None

        @tf.function
        def __call__(self, x):
            if self.w is None:
                self.w = tf.Variable(tf.ones([3]) * 2.0)
            return x * self.w

    layer = Layer()
    np.testing.assert_array_equal(layer(tf.constant([1.0, 2.0, 3.0])), [2, 4, 6])
    assert len(layer.variables) == 1

    @tf.function
    def bad(x):
        return x + tf.Variable(1.0)

    with pytest.raises(ValueError, match="create variables once"):
        bad(tf.constant(1.0))


def test_an_initial_value_cannot_depend_on_arguments():
    made = []

    @tf.function
    def f(x):
        if not made:
            made.append(tf.Variable(x * 2.0))
        return made[0] + x

    with pytest.raises(ValueError, match="depends on the function's arguments"):
        f(tf.constant(1.0))


def test_methods_are_traced_for_each_object():
    class Scale:
        def __init__(self, factor):
            self.factor = factor

        @tf.function
        def __call__(self, x):
            return x * self.factor

    assert Scale(2.0)(tf.constant(3.0)).numpy() == 6.0
    assert Scale(5.0)(tf.constant(3.0)).numpy() == 15.0


def test_functions_call_functions():
    @tf.function
    def inner(x):
        return x * x

    @tf.function
    def outer(x):
        return inner(x) + inner(x + 1.0)

    assert outer(tf.constant(2.0)).numpy() == 13.0


def test_a_concrete_function_inside_a_function():
    concrete = tf.function(lambda x: x * x).get_concrete_function(tf.TensorSpec([], tf.float32))

    @tf.function
    def outer(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = concrete(x) * 3.0
        return tape.gradient(y, x)

    assert outer(tf.constant(2.0)).numpy() == 12.0


def test_gradient_through_a_function():
    v = tf.Variable([1.0, 2.0])

    @tf.function
    def f(x):
        return tf.reduce_sum(tf.exp(x) * v)

    x = tf.constant([0.5, 1.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    gx, gv = tape.gradient(y, [x, v])
    np.testing.assert_allclose(gx, np.exp([0.5, 1.0]) * [1, 2], rtol=1e-6)
    np.testing.assert_allclose(gv, np.exp([0.5, 1.0]), rtol=1e-6)


def test_gradient_inside_a_function():
    v = tf.Variable(3.0)

    @tf.function
    def f(x):
        with tf.GradientTape() as tape:
            y = v * v * x
        return tape.gradient(y, v)

    assert f(tf.constant(2.0)).numpy() == 12.0


def test_second_order_through_a_function():
    @tf.function
    def f(x):
        return x * x * x

    x = tf.constant(2.0)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = f(x)
        first = inner.gradient(y, x)
    assert first.numpy() == 12.0
    assert outer.gradient(first, x).numpy() == 12.0


def test_custom_gradients_hold_through_a_function():
    @tf.custom_gradient
    def odd(x):
        return x * x, lambda upstream: upstream * 100.0

    f = tf.function(lambda x: odd(x) + x)
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    assert tape.gradient(y, x).numpy() == 101.0


def test_python_control_flow_over_tensors_without_autograph_is_refused_with_advice():
    @tf.function(autograph=False)
    def f(x):
        return x if x > 0 else -x

    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError, match="symbolic tensor"):
        f(tf.constant(1.0))


def test_a_leaked_symbolic_tensor_is_refused():
    leaked = []

    @tf.function
    def f(x):
        leaked.append(x * 2.0)
        return x

    f(tf.constant(1.0))
    with pytest.raises(TypeError, match="symbolic tensor"):
        leaked[0] + 1.0


def test_returning_something_else_is_refused():
    with pytest.raises(TypeError, match="returned"):
        tf.function(lambda x: (x, object()))(tf.constant(1.0))


def test_errors_name_the_op_and_the_line():
    @tf.function
    def f(x):
        return tf.matmul(x, tf.ones([4, 4]))

    with pytest.raises(tf.errors.InvalidArgumentError, match=r"MatMul.*test_function\.py"):
        f(tf.ones([2, 3]))


def test_shape_arithmetic_is_static_for_each_input_shape():
    @tf.function(input_signature=[tf.TensorSpec([None, 4, None], tf.float32)])
    def f(x):
        flat = tf.reshape(x, [tf.shape(x)[0], -1])
        return tf.zeros([tf.shape(flat)[1] // 2]) + tf.reduce_sum(flat)

    assert f(tf.ones([2, 4, 3])).shape == [6]
    assert f(tf.ones([5, 4, 1])).shape == [2]


def test_run_functions_eagerly():
    calls = []
    f = tf.function(lambda x: calls.append(1) or x)
    tf.config.run_functions_eagerly(True)
    try:
        f(tf.constant(1.0))
        f(tf.constant(1.0))
    finally:
        tf.config.run_functions_eagerly(False)
    assert len(calls) == 2


def test_random_numbers_differ_from_call_to_call_and_repeat_after_set_seed():
    f = tf.function(lambda: tf.random.normal([4]))
    tf.random.set_seed(5)
    first, second = f().numpy(), f().numpy()
    assert not np.array_equal(first, second)
    tf.random.set_seed(5)
    np.testing.assert_array_equal(f(), first)


def test_threads_may_call_one_function():
    f = tf.function(lambda x: tf.reduce_sum(x) * 2.0)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda n: float(f(tf.ones([n % 5 + 1]))), range(40)))
    assert results == [2.0 * (n % 5 + 1) for n in range(40)]
    assert f.experimental_get_tracing_count() == 5


def test_calls_that_take_the_short_way_see_new_values_and_other_kinds_of_arguments():
    v, count = tf.Variable([1.0, 2.0]), tf.Variable(0)

    @tf.function
    def read(x):
        return x + v

    @tf.function
    def change(x):
        count.assign_add(1)
        return {"same": v, "sum": x + v}

    x = tf.constant([1.0, 1.0])
    for step in range(4):
        v.assign([float(step), 2.0])
        assert read(x).numpy().tolist() == [step + 1.0, 3.0]
        assert change(x)["sum"].numpy().tolist() == [step + 1.0, 3.0]
    assert int(count) == 4
    held = change(x)["same"]
    v.assign(tf.zeros([2]))
    assert held.numpy().tolist() == [3.0, 2.0]
    assert read(np.float32([5.0, 5.0])).numpy().tolist() == [5.0, 5.0]
    assert read(x=x).numpy().tolist() == [1.0, 1.0]
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = read(x)
    assert tape.gradient(y, x).numpy().tolist() == [1.0, 1.0]
    with tf.device("/CPU:0"):
        assert read(x).numpy().tolist() == [1.0, 1.0]
    assert tf.function(lambda x: read(x) * 2.0)(x).numpy().tolist() == [2.0, 2.0]
    tf.config.run_functions_eagerly(True)
    try:
        assert read(x).numpy().tolist() == [1.0, 1.0]
    finally:
        tf.config.run_functions_eagerly(False)


def test_a_short_call_goes_the_long_way_when_the_graph_is_no_longer_compiled():
    v = tf.Variable([4], shape=tf.TensorShape(None))

    @tf.function
    def f(x):
        return x + tf.cast(tf.reduce_sum(v), tf.float32)

    x = tf.constant(1.0)
    assert [float(f(x)) for _ in range(3)] == [5.0] * 3
    v.assign([[1, 2], [3, 4]])
    assert float(f(x)) == 11.0
