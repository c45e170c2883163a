"""tf.signal: cosine transforms, the mel scale, shifts and three-dimensional transforms."""

from __future__ import annotations

import numpy as np

from tests.public.case import case

R = np.random.RandomState(4)
X = R.standard_normal((2, 16)).astype(np.float32)
CUBE = R.standard_normal((2, 3, 4, 5)).astype(np.float32)

TRANSFORMS = {
    f"{name}-{kind}-{norm}": case(lambda tf, x, f=name, k=kind, n=norm: getattr(tf.signal, f)(x, type=k, norm=n), X)
    for name in ("dct", "idct")
    for kind in (1, 2, 3, 4)
    for norm in (None, "ortho")
    if not (kind == 1 and norm)
}

CASES = {
    **TRANSFORMS,
    "dct-one-row": case(lambda tf, x: tf.signal.dct(x[0]), X),
    "dct-cut": case(lambda tf, x: tf.signal.dct(x, n=10), X),
    "dct-padded": case(lambda tf, x: tf.signal.dct(x, n=20, norm="ortho"), X),
    "dct-ortho-1": case(lambda tf, x: tf.signal.dct(x, type=1, norm="ortho"), X, in_function=False),
    "dct-type": case(lambda tf, x: tf.signal.dct(x, type=5), X, in_function=False),
    "dct-axis": case(lambda tf, x: tf.signal.dct(x, axis=0), X, in_function=False),
    "mdct": case(lambda tf, x: tf.signal.mdct(x, 8), X),
    "mdct-kaiser": case(
        lambda tf, x: tf.signal.mdct(x, 8, tf.signal.kaiser_bessel_derived_window, pad_end=True, norm="ortho"), X, tolerance=1e-4
    ),
    "mdct-length": case(lambda tf, x: tf.signal.mdct(x, 6), X, in_function=False),
    "inverse-mdct": case(lambda tf, x: tf.signal.inverse_mdct(tf.reshape(x, [4, 8])), X),
    "inverse-mdct-ortho": case(lambda tf, x: tf.signal.inverse_mdct(tf.reshape(x, [4, 8]), norm="ortho"), X),
    "kaiser-bessel": case(lambda tf: tf.signal.kaiser_bessel_derived_window(12, beta=6.0)),
    "mel": case(lambda tf: tf.signal.linear_to_mel_weight_matrix(), tolerance=2e-5),
    "mel-rates": case(lambda tf: tf.signal.linear_to_mel_weight_matrix(30, 257, 16000, 80.0, 7600.0, tf.float64), tolerance=1e-6),
    "mel-edges": case(lambda tf: tf.signal.linear_to_mel_weight_matrix(lower_edge_hertz=4000.0), in_function=False),
    "mel-rate": case(lambda tf: tf.signal.linear_to_mel_weight_matrix(upper_edge_hertz=4001.0), in_function=False),
    "mfcc": case(lambda tf, x: tf.signal.mfccs_from_log_mel_spectrograms(x), X),
    "fftshift": case(lambda tf, x: tf.signal.fftshift(x), CUBE),
    "fftshift-axes": case(lambda tf, x: tf.signal.fftshift(x, axes=(1, -1)), CUBE),
    "ifftshift": case(lambda tf, x: tf.signal.ifftshift(x, axes=3), CUBE),
    "rfft3d": case(lambda tf, x: tf.signal.rfft3d(x), CUBE, gradient=False),
    "rfft3d-length": case(lambda tf, x: tf.signal.rfft3d(x, [2, 4, 8]), CUBE, gradient=False),
    "irfft3d": case(lambda tf, x: tf.signal.irfft3d(tf.signal.rfft3d(x), [3, 4, 5]), CUBE, gradient=False),
}
"""Public functions, run from the same source under Headrace and under real TensorFlow."""
