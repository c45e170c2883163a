"""tf.functions with control flow and mathematics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from zoo_case import Case, signature

from zoo_models.registry import model, numbers

X = numbers(4, 4)


def program(name: str, exercises: str, heavy: bool = False, **inputs: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declares a model with one signature: the decorated function of tensors with the names and types of `inputs`.

    Leading dimensions are unknown in the signature; a value that is a tuple is an array and the shape to declare.
    """

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        @model(name, exercises, heavy)
        def build(_: str) -> Case:
            arrays, specs = {}, []
            for key, value in inputs.items():
                array, shape = value if isinstance(value, tuple) else (value, [None, *value.shape[1:]] if value.ndim else [])
                arrays[key] = array
                specs.append(tf.TensorSpec(shape, tf.as_dtype(array.dtype) if array.dtype != object else tf.string, name=key))
            built = tf.Module()
            built.run = tf.function(function, input_signature=specs)
            return Case(built, [signature(**arrays)], built.run)

        return function

    return declare


@program("while-loop", "tf.while_loop with several variables, nested loops, break and continue", x=X, limit=np.array(5, np.int32))
def loops(x: Any, limit: Any) -> Any:
    total, i = tf.zeros([4]), tf.constant(0)
    while i < limit:
        i += 1
        if i % 2 == 0:
            continue
        for row in x:
            if tf.reduce_sum(row) > 1.0:
                break
            total += row * tf.cast(i, tf.float32)
    return {"total": total, "i": i}


@program("branches", "tf.cond, tf.case and tf.switch_case, nested", x=X, which=np.array(2, np.int32))
def branches(x: Any, which: Any) -> Any:
    one = tf.cond(tf.reduce_sum(x) > 0, lambda: tf.cond(which > 1, lambda: x + 1, lambda: x - 1), lambda: x * 2)
    two = tf.switch_case(which, [lambda: x[0], lambda: x[1] * 2, lambda: -x[2]], default=lambda: tf.zeros([4]))
    three = tf.case(
        [(which < 1, lambda: tf.constant("low")), (which < 5, lambda: tf.constant("middle"))], lambda: tf.constant("high")
    )
    return {"one": one, "two": two, "three": three}


@program("map-scan-fold", "tf.map_fn with several outputs, tf.scan, tf.foldl, tf.vectorized_map", x=X)
def maps(x: Any) -> Any:
    spec = (tf.TensorSpec([4]), tf.TensorSpec([]))
    rows, sums = tf.map_fn(lambda row: (row * 2.0, tf.reduce_sum(row)), x, fn_output_signature=spec)
    folded = tf.foldl(lambda a, row: a * 0.5 + row, x)
    return {"rows": rows, "sums": sums, "scan": tf.scan(lambda a, row: a + row, x), "folded": folded}


@program("vectorized-map", "tf.vectorized_map (pfor) of a small function", x=X)
def vectorized(x: Any) -> Any:
    return tf.vectorized_map(lambda row: tf.reduce_sum(row[:, tf.newaxis] * row[tf.newaxis], 1), x)


@program("tensor-array", "TensorArray: write, read, stack, concat, scatter, dynamic size", x=X)
def arrays(x: Any) -> Any:
    grown = tf.TensorArray(tf.float32, size=0, dynamic_size=True, element_shape=[4])
    for i in tf.range(tf.shape(x)[0]):
        grown = grown.write(i, x[i] * tf.cast(i, tf.float32))
    held = tf.TensorArray(tf.float32, size=4, clear_after_read=False).unstack(x)
    joined = tf.TensorArray(tf.float32, size=2, infer_shape=False).write(0, x[:1]).write(1, x[1:]).concat()
    return {"grown": grown.stack(), "held": held.read(2) + held.gather([0, 3]), "joined": joined}


@program("loop-gradient", "the gradient of a loop with TensorArrays: accumulators as TensorLists", x=X)
def loop_gradient(x: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(x)
        state = tf.zeros([4])
        for row in x:
            state = tf.tanh(state + row) if tf.reduce_sum(row) > 0 else tf.sin(state * row)
        loss = tf.reduce_sum(state)
    return tape.gradient(loss, x)


@program("branch-gradient", "the gradient of branches of several kinds in nested loops: accumulators of Optionals", x=X)
def branch_gradient(x: Any) -> Any:
    def step(y: Any, row: Any) -> Any:
        if tf.reduce_sum(row) > 0.5:
            return tf.tanh(y + row)
        if tf.reduce_sum(row) > 0:
            wide = tf.tile(row[None], [3, 1])
            return tf.reduce_sum(tf.sin(wide) * wide, 0) + tf.cast(tf.exp(tf.cast(y, tf.float64)), tf.float32)
        return y + 2.0 * row  # nothing of this is needed for the gradient

    with tf.GradientTape() as tape:
        tape.watch(x)
        state, i = tf.zeros([4]), tf.constant(0)
        while i < 3 and tf.reduce_sum(state) < 100.0:
            for row in x:
                state = step(state, row) * 0.5
            j = i % 3
            state = tf.switch_case(j, [lambda y=state: tf.sin(y) * y, lambda y=state: y + 0.1, lambda y=state: tf.exp(y)])
            i += 1
        loss = tf.reduce_sum(state**2)
    return tape.gradient(loss, x)


@program(
    "einsum", "einsum with ellipsis, diagonals, three operands; tensordot; batched matmul with transposes", x=X, y=numbers(2, 4, 4)
)
def einsums(x: Any, y: Any) -> Any:
    return {
        "a": tf.einsum("bij,jk->bik", y, x),
        "b": tf.einsum("...ij,...ij->...", y, y),
        "c": tf.einsum("ii->i", x),
        "d": tf.einsum("bij,jk,kl->bl", y, x, x),
        "e": tf.tensordot(y, x, [[2], [0]]),
        "f": tf.matmul(y, y, transpose_b=True),
        "g": tf.linalg.matmul(y, y, adjoint_a=True),
    }


@program(
    "linear-algebra", "inverse, determinant, solve, Cholesky, QR, SVD, eigenvalues, norms, band parts", heavy=True, x=(X, [4, 4])
)
def algebra(x: Any) -> Any:
    positive = tf.matmul(x, x, transpose_b=True) + 4.0 * tf.eye(4)
    values, _vectors = tf.linalg.eigh(positive)
    return {
        "inverse": tf.linalg.inv(positive),
        "determinant": tf.linalg.det(x),
        "logarithm": tf.linalg.slogdet(positive)[1],
        "solved": tf.linalg.solve(positive, x),
        "cholesky": tf.linalg.cholesky(positive),
        "solve": tf.linalg.cholesky_solve(tf.linalg.cholesky(positive), x),
        "triangular": tf.linalg.triangular_solve(tf.linalg.cholesky(positive), x),
        "qr": tf.abs(tf.linalg.qr(positive)[1]),
        "svd": tf.linalg.svd(x, compute_uv=False),
        "eigenvalues": values,
        "norm": tf.norm(x, axis=1),
        "band": tf.linalg.band_part(x, 1, 0) + tf.linalg.diag(tf.linalg.diag_part(x)),
        "root": tf.linalg.expm(x * 0.1),
    }


@program("signal", "FFTs, real FFTs, STFT and its inverse, windows, mel filters, DCT, frames", heavy=True, x=numbers(2, 256))
def signals(x: Any) -> Any:
    spectrum = tf.signal.stft(x, 64, 32, fft_length=64)
    mel = tf.abs(spectrum) @ tf.signal.linear_to_mel_weight_matrix(8, 33, 8000, 100.0, 3800.0)
    return {
        "fft": tf.signal.fft(tf.cast(x, tf.complex64)),
        "rfft": tf.signal.rfft(x),
        "back": tf.signal.irfft(tf.signal.rfft(x)),
        "stft": spectrum,
        "istft": tf.signal.inverse_stft(spectrum, 64, 32, fft_length=64),
        "mfcc": tf.signal.mfccs_from_log_mel_spectrograms(tf.math.log(mel + 1e-3)),
        "dct": tf.signal.dct(x, 2, norm="ortho"),
        "frames": tf.signal.frame(x, 50, 20, pad_end=True),
        "overlap": tf.signal.overlap_and_add(tf.signal.frame(x, 64, 32), 32),
    }


@program("quantization", "fake quantization, quantize_and_dequantize, quantize and dequantize", x=X)
def quantized(x: Any) -> Any:
    made = tf.quantization.quantize(x, -1.0, 1.0, tf.qint8)
    return {
        "args": tf.quantization.fake_quant_with_min_max_args(x, -0.8, 0.9, num_bits=4),
        "vars": tf.quantization.fake_quant_with_min_max_vars(x, -0.5, tf.constant(0.7), narrow_range=True),
        "channel": tf.quantization.fake_quant_with_min_max_vars_per_channel(x, tf.fill([4], -0.5), tf.fill([4], 0.7)),
        "there_and_back": tf.quantization.quantize_and_dequantize_v2(x, -1.0, 1.0),
        "dequantized": tf.quantization.dequantize(made.output, made.output_min, made.output_max),
    }


@program(
    "indexing",
    "strided slices, gather_nd, scatter_nd, boolean_mask, where, unique, segments, top_k, sort",
    x=X,
    ids=np.int32([0, 2, 2, 1]),
)
def indexing(x: Any, ids: Any) -> Any:
    pairs = tf.stack([ids, ids], 1)
    return {
        "slice": x[1:, ::-1, tf.newaxis][..., 0],
        "gather_nd": tf.gather_nd(x, pairs),
        "scatter": tf.scatter_nd(pairs, x[:, 0], [4, 4]),
        "updated": tf.tensor_scatter_nd_max(x, pairs, tf.ones([4])),
        "mask": tf.boolean_mask(x, ids > 0),
        "where": tf.where(x > 0),
        "unique": tf.unique(ids)[0],
        "segments": tf.math.segment_sum(x, tf.sort(ids)),
        "unsorted": tf.math.unsorted_segment_mean(x, ids, 4),
        "top": tf.math.top_k(x, 2).indices,
        "sorted": tf.argsort(x, direction="DESCENDING", stable=True),
        "cumulated": tf.cumsum(x, 1, exclusive=True, reverse=True) + tf.math.cumprod(x),
        "one_hot": tf.one_hot(ids, 4, on_value=2.0, off_value=-1.0),
        "bins": tf.math.bincount(ids, minlength=5),
        "sequence": tf.sequence_mask(ids, 4),
        "reversed": tf.reverse_sequence(x, ids, seq_axis=1),
        "rolled": tf.roll(x, 1, 0),
        "partition": tf.dynamic_stitch(tf.dynamic_partition(tf.range(4), tf.constant([0, 1, 0, 1]), 2), [x[:2], x[2:]]),
        "batches": tf.batch_to_space(
            tf.space_to_batch(x[tf.newaxis, :, :, tf.newaxis], [2, 2], [[0, 0], [0, 0]]), [2, 2], [[0, 0], [0, 0]]
        ),
    }


@program(
    "elementwise",
    "elementwise mathematics: trigonometric, special functions, rounding, comparison, bits, complex",
    heavy=True,
    x=X,
    n=np.int32([[5], [-7], [9], [12]]),
)
def elementwise(x: Any, n: Any) -> Any:
    simple = [
        tf.sin,
        tf.cos,
        tf.tan,
        tf.asin,
        tf.acos,
        tf.atan,
        tf.sinh,
        tf.cosh,
        tf.asinh,
        tf.atanh,
        tf.exp,
        tf.math.expm1,
        tf.abs,
    ]
    simple += [tf.math.erf, tf.math.erfc, tf.math.lgamma, tf.math.digamma, tf.sign, tf.floor, tf.math.ceil, tf.round, tf.math.rint]
    simple += [tf.math.ndtri, tf.math.erfinv, tf.math.bessel_i0e, tf.nn.softplus, tf.nn.selu, tf.square, tf.math.reciprocal]
    with_second = [
        tf.math.pow,
        tf.math.atan2,
        tf.math.floormod,
        tf.math.squared_difference,
        tf.maximum,
        tf.math.xdivy,
        tf.math.igamma,
    ]
    y = tf.abs(x) * 0.9 + 0.05
    z = tf.complex(x, y)
    bits = [tf.bitwise.bitwise_and(n, 6), tf.bitwise.left_shift(n, 2), tf.bitwise.invert(n), n // 4, n % 4, tf.math.floordiv(n, -3)]
    return {
        "one": tf.stack([function(y) for function in simple]),
        "two": tf.stack([function(y, tf.transpose(y)) for function in with_second]),
        "complex": tf.stack([tf.exp(z), tf.math.conj(z), z * z, tf.sqrt(z)]),
        "parts": tf.stack([tf.math.real(z), tf.math.imag(z), tf.abs(z), tf.math.angle(z)]),
        "bits": tf.stack(bits),
        "clipped": tf.clip_by_norm(x, 0.5) + tf.clip_by_global_norm([x], 1.0)[0],
        "special": tf.math.betainc(y, y, y) + tf.math.zeta(y + 1.5, y) + tf.math.polygamma(1.0, y),
        "logical": (x > 0) & ~(y > 0.5) | tf.math.is_nan(x),
    }


@program(
    "losses",
    "losses and what they are made of: cross entropies, CTC, Huber-like, log-sum-exp, LRN, moments",
    x=numbers(3, 6),
    y=np.int32([0, 3, 5]),
)
def losses(x: Any, y: Any) -> Any:
    hot = tf.one_hot(y, 6)
    mean, variance = tf.nn.moments(x, [0])
    labels = tf.constant([[1, 2], [3, 3]])
    logits = tf.reshape(tf.tile(x, [1, 4])[:2], [4, 2, 6])
    return {
        "softmax": tf.nn.softmax_cross_entropy_with_logits(hot, x),
        "sparse": tf.nn.sparse_softmax_cross_entropy_with_logits(y, x),
        "sigmoid": tf.nn.sigmoid_cross_entropy_with_logits(hot, x),
        "weighted": tf.nn.weighted_cross_entropy_with_logits(hot, x, 2.0),
        "poisson": tf.nn.log_poisson_loss(hot, x),
        "ctc": tf.nn.ctc_loss(labels, logits, tf.constant([2, 1]), tf.constant([4, 4]), blank_index=0),
        "summed": tf.reduce_logsumexp(x, 1),
        "moments": (x - mean) / tf.sqrt(variance + 1e-3),
        "lrn": tf.nn.local_response_normalization(tf.reshape(x, [3, 1, 1, 6])),
        "in_top": tf.math.in_top_k(y, x, 3),
    }


@program("sixteen-bits", "bfloat16 and float16 inputs, outputs and arithmetic", x=numbers(4, 4).astype(np.float16))
def sixteen(x: Any) -> Any:
    small = tf.cast(x, tf.bfloat16)
    return {"half": tf.nn.softmax(x @ x), "brain": tf.nn.relu(small @ small), "back": tf.cast(small, tf.float32)}


@program("stateless-random", "stateless random numbers, which are the same everywhere", heavy=True, seed=(np.int32([3, 4]), [2]))
def random(seed: Any) -> Any:
    return {
        "uniform": tf.random.stateless_uniform([3, 4], seed),
        "normal": tf.random.stateless_normal([3, 4], seed),
        "truncated": tf.random.stateless_truncated_normal([5], seed),
        "integers": tf.random.stateless_uniform([6], seed, 0, 100, tf.int32),
        "split": tf.random.split(seed, 3),
    }
