"""Variables, modules and the object graph."""

import copy

import numpy as np
import pytest

import headrace as tf
from headrace.state import tracking


def test_reading_and_assigning():
    v = tf.Variable([1.0, 2.0], name="v")
    assert (v.name, v.dtype, v.shape) == ("v:0", tf.float32, [2])
    v.assign([3.0, 4.0])
    v.assign_add([1.0, 1.0])
    v.assign_sub([0.5, 0.5])
    np.testing.assert_array_equal(v.numpy(), [3.5, 4.5])
    assert v.assign([0.0, 0.0]) is v
    assert v.assign([0.0, 0.0], read_value=False) is None


def test_operators_and_conversion():
    v = tf.Variable(3.0)
    assert (v + 1.0).numpy() == 4.0
    assert (1.0 - v).numpy() == -2.0
    assert (v > 2.0).numpy()
    assert float(v) == 3.0
    np.testing.assert_array_equal(tf.Variable([[1, 2], [3, 4]])[0], [1, 2])
    assert np.asarray(v) == 3.0


def test_numpy_is_a_value_of_its_own_time():
    v = tf.Variable([1.0])
    before = v.numpy()
    v.assign_add([1.0])
    assert before[0] == 1.0


@pytest.mark.parametrize("value", [[1.0, 2.0, 3.0], 1.0])
def test_a_value_of_another_shape_is_refused(value):
    v = tf.Variable([1.0, 2.0], name="weights")
    with pytest.raises(ValueError, match="weights"):
        v.assign(value)
    np.testing.assert_array_equal(v.numpy(), [1.0, 2.0])


def test_a_value_of_another_dtype_is_refused():
    v = tf.Variable([1, 2])
    with pytest.raises((TypeError, ValueError)):
        v.assign([1.5, 2.5])
    with pytest.raises(ValueError, match="float32"):
        v.assign(tf.constant([1.0, 2.0]))


def test_no_initial_value():
    with pytest.raises(ValueError, match="initial value"):
        tf.Variable()


def test_a_looser_shape_admits_other_sizes():
    v = tf.Variable([1.0], shape=tf.TensorShape([None]))
    v.assign([1.0, 2.0, 3.0])
    assert v.numpy().shape == (3,)


def test_deepcopy_is_independent():
    v = tf.Variable(1.0)
    w = copy.deepcopy(v)
    w.assign(5.0)
    assert v.numpy() == 1.0


def test_scatter_updates():
    v = tf.Variable(np.zeros((3, 2), np.float32))
    v.scatter_add(tf.IndexedSlices(tf.ones([2, 2]), tf.constant([0, 0])))
    v.scatter_update(tf.IndexedSlices(tf.ones([1, 2]) * 7.0, tf.constant([2])))
    np.testing.assert_array_equal(v.numpy(), [[2, 2], [0, 0], [7, 7]])


class Dense(tf.Module):
    def __init__(self, n, m, name=None):
        super().__init__(name)
        with self.name_scope:
            self.w = tf.Variable(tf.ones([n, m]), name="w")
            self.b = tf.Variable(tf.zeros([m]), name="b", trainable=False)


class Net(tf.Module):
    def __init__(self):
        super().__init__()
        self.layers = [Dense(2, 3), Dense(3, 1)]
        self.head = {"out": Dense(1, 1)}
        self.scale = tf.Variable(1.0, name="scale")


def test_modules_collect_variables_in_tensorflows_order():
    net = Net()
    assert [v.name for v in net.variables] == ["scale:0", *["dense/b:0", "dense/w:0"] * 3]
    assert len(net.trainable_variables) == 4
    assert len(net.non_trainable_variables) == 3
    assert len(net.submodules) == 3
    assert net.name == "net"


def test_module_names_are_identifiers():
    with pytest.raises(ValueError, match="identifier"):
        Dense(1, 1, name="not valid")


def test_the_object_graph_follows_attributes_lists_and_dicts():
    net = Net()
    found = tracking.walk(net)
    assert found[0][0] is net
    assert set(tracking.children(net)) == {"layers", "head", "scale"}
    assert set(tracking.children(net.layers)) == {"0", "1"}
    assert sum(isinstance(item, tf.Variable) for item, _ in found) == 7


def test_variables_of_strings_are_read_and_assigned_in_functions() -> None:
    v = tf.Variable(["a", "b"])

    @tf.function
    def replace(texts: tf.Tensor) -> tf.Tensor:
        before = tf.strings.upper(v)
        v.assign(texts)
        return tf.strings.join([before, v])

    assert replace(tf.constant(["c", "d"])).numpy().tolist() == [b"Ac", b"Bd"]
    assert v.numpy().tolist() == [b"c", b"d"]
    v.assign(["e", "f"])
    assert tf.function(lambda: tf.identity(v))().numpy().tolist() == [b"e", b"f"]
