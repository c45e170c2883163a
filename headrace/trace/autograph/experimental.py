"""tf.autograph.experimental."""

from headrace.trace.autograph.calls import do_not_convert as do_not_convert
