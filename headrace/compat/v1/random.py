"""tf.compat.v1.random: random numbers, as far as TensorFlow 2 has them under the same names."""

from headrace.ops.random.algorithms import Algorithm as Algorithm
from headrace.ops.random.distribution_functions import gamma as gamma
from headrace.ops.random.distribution_functions import stateless_binomial as stateless_binomial
from headrace.ops.random.distribution_functions import stateless_gamma as stateless_gamma
from headrace.ops.random.distribution_functions import (
    stateless_parameterized_truncated_normal as stateless_parameterized_truncated_normal,
)
from headrace.ops.random.distribution_functions import stateless_poisson as stateless_poisson
from headrace.ops.random.functions import categorical as categorical
from headrace.ops.random.functions import normal as normal
from headrace.ops.random.functions import shuffle as shuffle
from headrace.ops.random.functions import stateless_categorical as stateless_categorical
from headrace.ops.random.functions import stateless_normal as stateless_normal
from headrace.ops.random.functions import stateless_truncated_normal as stateless_truncated_normal
from headrace.ops.random.functions import stateless_uniform as stateless_uniform
from headrace.ops.random.functions import truncated_normal as truncated_normal
from headrace.ops.random.functions import uniform as uniform
from headrace.ops.random.stateless_functions import fold_in as fold_in
from headrace.ops.random.stateless_functions import split as split
from headrace.random import experimental as experimental
from headrace.state.generator import Generator as Generator
from headrace.state.generator import create_rng_state as create_rng_state
from headrace.state.generator import get_global_generator as get_global_generator
from headrace.state.generator import set_global_generator as set_global_generator
