"""tf.test.experimental."""

from headrace.testing.machine import sync_devices as sync_devices
