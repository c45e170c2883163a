"""Slots of optimizers in checkpoints: made and restored whenever both sides are there, skipped when asked, damaged ones named."""

from __future__ import annotations

import numpy as np
import pytest

import headrace as tf
from headrace.checkpoint.bundle import BundleReader, write_bundle
from headrace.checkpoint.object_graph import GRAPH_KEY, VALUE
from headrace.proto.messages import TrackableObjectGraph, parse, serialize

train = tf.compat.v1.train
KEY = "v/.OPTIMIZER_SLOT/optimizer/momentum/.ATTRIBUTES/VARIABLE_VALUE"


def stepped(steps=2):
    v = tf.Variable([1.0, -2.0], name="v")
    optimizer = train.MomentumOptimizer(0.1, 0.9)
    for _ in range(steps):
        optimizer.minimize(lambda: tf.reduce_sum(v * v))
    return tf.train.Checkpoint(v=v, optimizer=optimizer)


@pytest.fixture
def written(tmp_path):
    checkpoint = stepped()
    path = checkpoint.write(tmp_path / "c")
    return path, checkpoint.optimizer.get_slot(checkpoint.v, "momentum").numpy().tolist()


def momentum(checkpoint):
    slot = checkpoint.optimizer.get_slot(checkpoint.v, "momentum")
    return None if slot is None else slot.numpy().tolist()


def test_slots_that_are_there_are_restored(written):
    path, wanted = written
    checkpoint = stepped(1)
    tf.train.Checkpoint(v=checkpoint.v, optimizer=checkpoint.optimizer).read(path).assert_consumed()
    assert momentum(checkpoint) == wanted
    assert KEY in dict(tf.train.list_variables(path))


@pytest.mark.parametrize("last", ["v", "optimizer"])
def test_slots_wait_for_the_variable_and_the_optimizer(written, last):
    path, wanted = written
    checkpoint, made = tf.train.Checkpoint(), stepped(0)
    first = "optimizer" if last == "v" else "v"
    setattr(checkpoint, first, getattr(made, first))
    status = checkpoint.read(path)
    with pytest.raises(AssertionError, match="were not used"):
        status.assert_consumed()
    assert momentum(made) is None
    setattr(checkpoint, last, getattr(made, last))
    assert momentum(checkpoint) == wanted
    status.assert_consumed()


class Own(tf.Module):
    """An optimizer of a user that makes its slots itself."""

    def __init__(self):
        super().__init__()
        self._self_held = {}

    def get_slot_names(self):
        return ["momentum"]

    def get_slot(self, var, name):
        return self._self_held.get(var.name)


def test_slots_of_an_optimizer_that_makes_them_later(written):
    path, wanted = written
    checkpoint = tf.train.Checkpoint(v=tf.Variable([0.0, 0.0], name="v"), optimizer=Own())
    status = checkpoint.read(path)
    with pytest.raises(AssertionError, match="OPTIMIZER_SLOT"):
        status.assert_consumed()
    checkpoint.optimizer._self_held["v:0"] = tf.Variable([0.0, 0.0])
    status.assert_consumed()
    assert momentum(checkpoint) == wanted


def test_slots_are_skipped_when_asked(written):
    path, _ = written
    checkpoint = stepped(1)
    before = momentum(checkpoint)
    options = tf.train.CheckpointOptions(experimental_skip_slot_variables=True)
    checkpoint.read(path, options).assert_consumed()
    assert momentum(checkpoint) == before
    assert checkpoint.v.numpy().tolist() == stepped(2).v.numpy().tolist()


def test_an_optimizer_without_such_a_slot_leaves_it(written):
    checkpoint = tf.train.Checkpoint(v=tf.Variable([0.0, 0.0]), optimizer=train.GradientDescentOptimizer(0.1))
    status = checkpoint.read(written[0]).assert_existing_objects_matched()
    with pytest.raises(AssertionError, match=r"1 values .*OPTIMIZER_SLOT"):
        status.assert_consumed()


def test_slots_are_found_by_their_names_too(tmp_path):
    write_bundle(tmp_path / "named", {"v": np.float32([5, 6]), "v/Momentum": np.float32([7, 8])})
    checkpoint = stepped(1)
    checkpoint.read(tmp_path / "named").assert_consumed()
    assert (checkpoint.v.numpy().tolist(), momentum(checkpoint)) == ([5, 6], [7, 8])


@pytest.mark.parametrize("field", ["original_variable_node_id", "slot_variable_node_id"])
@pytest.mark.parametrize("number", [-1, 99])
def test_damage_is_named(written, field, number):
    path, _ = written
    reader = BundleReader(path)
    tensors = {key: reader.read(key) for key in reader}
    graph = parse(TrackableObjectGraph, tensors[GRAPH_KEY][()], "the graph")
    (slot,) = (slot for node in graph.nodes for slot in node.slot_variables)
    setattr(slot, field, number)
    tensors[GRAPH_KEY][()] = serialize(graph)
    write_bundle(path, tensors)
    with pytest.raises(tf.errors.DataLossError, match="names a slot of objects that are not there"):
        stepped(0).read(path)


def test_a_slot_for_what_is_no_variable_is_left(written):
    path, _ = written
    reader = BundleReader(path)
    tensors = {key: reader.read(key) for key in reader}
    graph = parse(TrackableObjectGraph, tensors[GRAPH_KEY][()], "the graph")
    (slot,) = (slot for node in graph.nodes for slot in node.slot_variables)
    slot.original_variable_node_id = 0
    tensors[GRAPH_KEY][()] = serialize(graph)
    write_bundle(path, tensors)
    checkpoint = stepped(0)
    checkpoint.read(path).expect_partial()
    assert momentum(checkpoint) is None


def test_a_slot_of_another_shape_is_refused(written):
    path, _ = written
    reader = BundleReader(path)
    tensors = {key: reader.read(key) for key in reader}
    (key,) = (key for key in tensors if "OPTIMIZER_SLOT" in key)
    assert key.endswith(VALUE)
    write_bundle(path, tensors | {key: np.zeros(3, np.float32)})
    with pytest.raises(ValueError, match=r"holds float32\[3\] under 'v/.OPTIMIZER_SLOT"):
        stepped(0).read(path)


def test_optimizers_say_what_is_wrong():
    v = tf.Variable(1.0)
    with pytest.raises(RuntimeError, match="must be a function"):
        train.AdamOptimizer().minimize(v * 2.0)
    with pytest.raises(ValueError, match="no variables"):
        train.AdamOptimizer().apply_gradients([])
    with pytest.raises(ValueError, match="no gradient was given for any of 1"):
        train.AdamOptimizer().apply_gradients([(None, v)])
    with pytest.raises(ValueError, match="needs a name"):
        train.AdamOptimizer(name="")
    with pytest.raises(ValueError, match="must be positive; got 0"):
        train.AdagradOptimizer(0.1, initial_accumulator_value=0.0)


def test_a_step_inside_a_function():
    v, step = tf.Variable([1.0, 2.0]), tf.Variable(0)
    optimizer = train.AdamOptimizer(0.1)

    @tf.function
    def train_step():
        optimizer.minimize(lambda: tf.reduce_sum(v * v), global_step=step)

    for _ in range(3):
        train_step()
    eager, other = tf.Variable([1.0, 2.0]), train.AdamOptimizer(0.1)
    for _ in range(3):
        other.minimize(lambda: tf.reduce_sum(eager * eager))
    np.testing.assert_allclose(v.numpy(), eager.numpy(), rtol=1e-6)
    assert int(step) == 3
    assert len(optimizer.variables()) == 4
    assert optimizer.get_name() == "Adam"
