"""tf.random.experimental."""

from headrace.ops.random.algorithms import Algorithm as Algorithm
from headrace.ops.random.stateless_functions import fold_in as stateless_fold_in
from headrace.ops.random.stateless_functions import split as stateless_split
from headrace.state.generator import Generator as Generator
from headrace.state.generator import create_rng_state as create_rng_state
from headrace.state.generator import get_global_generator as get_global_generator
from headrace.state.generator import set_global_generator as set_global_generator
