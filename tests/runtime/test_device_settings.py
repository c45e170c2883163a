"""tf.config: settings that hold before the first op, and those that are remembered."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import headrace as tf
from headrace.runtime import device_settings, devices

TWO_CPUS = """
import headrace as tf
(cpu,) = tf.config.list_physical_devices("CPU")
one = tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(cpu, [one, one])
print([device.name for device in tf.config.list_logical_devices("CPU")], len(tf.config.list_physical_devices("CPU")))
with tf.device("/device:CPU:1"):
    print(tf.math.sin(tf.ones([100, 100])).device)
try:
    tf.config.set_logical_device_configuration(cpu, [one, one, one])
except RuntimeError as error:
    print(error)
"""


def test_a_cpu_is_taken_as_two_devices() -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2]), "HOME": os.environ.get("HOME", "/")}
    command = [sys.executable, "-c", TWO_CPUS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    devices_line, place, refusal = done.stdout.splitlines()
    assert devices_line == "['/device:CPU:0', '/device:CPU:1'] 1"
    assert place.endswith("device:CPU:1")
    assert "cannot be modified after being initialized" in refusal


def test_no_configurations_are_refused() -> None:
    with pytest.raises(ValueError, match="must hold a LogicalDeviceConfiguration"):
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], [])


def test_determinism_reaches_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLA_FLAGS", "--xla_one=1")
    assert not device_settings.is_op_determinism_enabled()
    tf.config.experimental.enable_op_determinism()
    try:
        assert device_settings.is_op_determinism_enabled()
        assert os.environ["XLA_FLAGS"] == "--xla_one=1 --xla_gpu_deterministic_ops=true"
    finally:
        device_settings.disable_op_determinism()
    assert os.environ["XLA_FLAGS"] == "--xla_one=1"


def test_threads_and_policies_are_remembered() -> None:
    tf.config.threading.set_intra_op_parallelism_threads(3)
    assert tf.config.threading.get_intra_op_parallelism_threads() == 3
    tf.config.threading.set_intra_op_parallelism_threads(0)
    tf.config.experimental.set_device_policy("warn")
    assert tf.config.experimental.get_device_policy() == "warn"
    tf.config.experimental.set_device_policy(None)
    assert tf.config.experimental.get_device_policy() == "silent"
    with pytest.raises(ValueError, match="not a valid device policy"):
        tf.config.experimental.set_device_policy("loud")


def test_hidden_devices_are_neither_listed_nor_used(monkeypatch: pytest.MonkeyPatch) -> None:
    cpus = devices.local_devices("CPU")
    monkeypatch.setattr(devices, "local_devices", lambda kind: cpus if kind in ("CPU", "GPU") else ())
    devices._resolved.cache_clear()
    gpus = tf.config.list_physical_devices("GPU")
    assert len(gpus) == len(cpus)
    tf.config.set_visible_devices([], "GPU")
    try:
        assert tf.config.get_visible_devices("GPU") == []
        assert tf.config.list_logical_devices("GPU") == []
        assert tf.config.list_physical_devices("GPU") == gpus
        tf.config.set_soft_device_placement(False)
        with pytest.raises(tf.errors.InvalidArgumentError, match="no device '/GPU:0'"):
            devices.resolve("/GPU:0")
    finally:
        tf.config.set_soft_device_placement(True)
        tf.config.set_visible_devices(gpus, "GPU")
        devices._resolved.cache_clear()
    assert tf.config.get_visible_devices("GPU") == gpus


def test_statistics_of_a_cpu_are_refused() -> None:
    with pytest.raises(ValueError, match="no memory statistics"):
        tf.config.experimental.get_memory_info("CPU:0")
