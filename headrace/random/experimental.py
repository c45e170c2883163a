"""tf.random.experimental."""

from headrace.ops.random.stateless_functions import fold_in as stateless_fold_in
from headrace.ops.random.stateless_functions import split as stateless_split
