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


@pytest.mark.parametrize("name", ["/GPU:99", "/TPU:7", "nonsense name"])
def test_a_device_that_is_not_there(name):
    with pytest.raises(tf.errors.InvalidArgumentError, match="device"), tf.device(name):
        tf.constant(1.0)
