"""tf.config: devices, how functions run, and the optimizer's options."""

from headrace.config import experimental as experimental
from headrace.config import threading as threading
from headrace.passes import options as optimizer
from headrace.runtime.device_settings import LogicalDeviceConfiguration as LogicalDeviceConfiguration
from headrace.runtime.device_settings import get_logical_device_configuration as get_logical_device_configuration
from headrace.runtime.device_settings import set_logical_device_configuration as set_logical_device_configuration
from headrace.runtime.devices import LogicalDevice as LogicalDevice
from headrace.runtime.devices import PhysicalDevice as PhysicalDevice
from headrace.runtime.devices import get_soft_device_placement as get_soft_device_placement
from headrace.runtime.devices import get_visible_devices as get_visible_devices
from headrace.runtime.devices import list_logical_devices as list_logical_devices
from headrace.runtime.devices import list_physical_devices as list_physical_devices
from headrace.runtime.devices import set_soft_device_placement as set_soft_device_placement
from headrace.runtime.devices import set_visible_devices as set_visible_devices
from headrace.trace.function import functions_run_eagerly as experimental_functions_run_eagerly
from headrace.trace.function import functions_run_eagerly as functions_run_eagerly
from headrace.trace.function import run_functions_eagerly as experimental_run_functions_eagerly
from headrace.trace.function import run_functions_eagerly as run_functions_eagerly
