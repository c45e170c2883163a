"""tf.math.special."""

from headrace.ops.math.oscillating import bessel_j0 as bessel_j0
from headrace.ops.math.oscillating import bessel_j1 as bessel_j1
from headrace.ops.math.oscillating import bessel_k0 as bessel_k0
from headrace.ops.math.oscillating import bessel_k0e as bessel_k0e
from headrace.ops.math.oscillating import bessel_k1 as bessel_k1
from headrace.ops.math.oscillating import bessel_k1e as bessel_k1e
from headrace.ops.math.oscillating import bessel_y0 as bessel_y0
from headrace.ops.math.oscillating import bessel_y1 as bessel_y1
from headrace.ops.math.oscillating import dawsn as dawsn
from headrace.ops.math.oscillating import fresnel_cos as fresnel_cos
from headrace.ops.math.oscillating import fresnel_sin as fresnel_sin
from headrace.ops.math.special import bessel_i0 as bessel_i0
from headrace.ops.math.special import bessel_i0e as bessel_i0e
from headrace.ops.math.special import bessel_i1 as bessel_i1
from headrace.ops.math.special import bessel_i1e as bessel_i1e
from headrace.ops.math.special import expint as expint
from headrace.ops.math.special import spence as spence
