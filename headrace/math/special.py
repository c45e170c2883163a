"""tf.math.special."""

from headrace.ops.math.special import bessel_i0 as bessel_i0
from headrace.ops.math.special import bessel_i0e as bessel_i0e
from headrace.ops.math.special import bessel_i1 as bessel_i1
from headrace.ops.math.special import bessel_i1e as bessel_i1e
from headrace.ops.math.special import expint as expint
from headrace.ops.math.special import spence as spence
