"""tf.config: devices, how functions run, and the optimizer's options."""

from headrace.passes import options as optimizer
from headrace.runtime.devices import LogicalDevice as LogicalDevice
from headrace.runtime.devices import PhysicalDevice as PhysicalDevice
from headrace.runtime.devices import get_soft_device_placement as get_soft_device_placement
from headrace.runtime.devices import list_logical_devices as list_logical_devices
from headrace.runtime.devices import list_physical_devices as list_physical_devices
from headrace.runtime.devices import set_soft_device_placement as set_soft_device_placement
from headrace.trace.function import functions_run_eagerly as functions_run_eagerly
from headrace.trace.function import run_functions_eagerly as run_functions_eagerly
