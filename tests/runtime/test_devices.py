"""Devices and placement."""

import pytest

import headrace as tf


def test_this_host_has_a_cpu():
    names = [device.name for device in tf.config.list_physical_devices("CPU")]
    assert names[0] == "/physical_device:CPU:0"
    assert tf.config.list_physical_devices("NOTHING") == []


@pytest.mark.parametrize("name", ["/CPU:0", "cpu:0", "/device:CPU:0", "/job:localhost/replica:0/task:0/device:CPU:0"])
def test_a_device_by_any_of_its_names(name):
    with tf.device(name):
        assert (tf.ones([100]) + 1.0).device.endswith("CPU:0")
        assert tf.function(lambda x: x * 2.0)(tf.ones([3])).numpy().tolist() == [2, 2, 2]


@pytest.fixture
def hard_placement():
    tf.config.set_soft_device_placement(False)
    yield
    tf.config.set_soft_device_placement(True)


@pytest.mark.parametrize("name", ["/GPU:99", "/TPU:7", "/CPU:3"])
def test_a_device_that_is_not_there_gives_way_to_the_cpu(name):
    assert tf.config.get_soft_device_placement()
    with tf.device(name):
        assert (tf.ones([100]) + 1.0).device.endswith("CPU:0")
        assert tf.function(lambda x: x * 2.0)(tf.ones([3])).numpy().tolist() == [2, 2, 2]


@pytest.mark.parametrize("name", ["/GPU:99", "/TPU:7", "/CPU:3"])
def test_a_device_that_is_not_there_is_refused_without_soft_placement(name, hard_placement):
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"no device '{name}'.*CPU:0"), tf.device(name):
        tf.constant(1.0)


def test_a_malformed_name_and_another_host_are_refused():
    with pytest.raises(ValueError, match="'nonsense name'.*expected a form"), tf.device("nonsense name"):
        tf.constant(1.0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="another host"), tf.device("/job:worker/task:3/CPU:0"):
        tf.constant(1.0)


def test_logical_devices_have_the_names_that_programs_use():
    assert tf.config.list_logical_devices("CPU")[0] == ("/device:CPU:0", "CPU")


def test_the_log_says_where_ops_and_nodes_run(capfd):
    tf.debugging.set_log_device_placement(True)
    try:
        assert tf.debugging.get_log_device_placement()
        x = tf.constant([1.0, 2.0]) + 1.0

        @tf.function
        def f(x):
            return tf.strings.as_string(tf.matmul([x], [x], transpose_b=True))

        f(x)
        f(x)
    finally:
        tf.debugging.set_log_device_placement(False)
    lines = capfd.readouterr().err.splitlines()
    assert "Executing op AddV2 in device /job:localhost/replica:0/task:0/device:CPU:0" in lines
    assert sum("(MatMul): /job:localhost" in line for line in lines) == 1
    assert sum("(AsString): /job:localhost/replica:0/task:0/device:CPU:0" in line for line in lines) == 1
    tf.constant(1.0) + 1.0
    assert not capfd.readouterr().err
