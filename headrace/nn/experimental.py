"""tf.nn.experimental."""

from headrace.ops.nn.functions import general_dropout as general_dropout
from headrace.ops.nn.functions import stateless_dropout as stateless_dropout
