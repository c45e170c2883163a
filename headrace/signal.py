"""tf.signal: Fourier transforms."""

from headrace.ops.math.fourier import irfft as irfft
from headrace.ops.math.fourier import irfft2d as irfft2d
from headrace.ops.math.fourier import rfft as rfft
from headrace.ops.math.fourier import rfft2d as rfft2d
