"""tf.sysconfig."""

from headrace.runtime.device_settings import get_build_info as get_build_info
