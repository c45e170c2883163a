"""tf.test: what its assertions accept and refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tests.public.case import case

X = np.arange(6, dtype=np.float32).reshape(2, 3)


class Pair(NamedTuple):
    """Two values."""

    a: Any
    b: Any


def told(tf: Any, *steps: Callable[[Any], Any]) -> Any:
    """Whether each assertion passes; the class of the error where it does not."""
    test = tf.test.TestCase()
    test.setUp()
    found = []
    for step in steps:
        try:
            found.append(str(step(test)))
        except (AssertionError, ValueError, TypeError, tf.errors.OpError) as error:
            found.append(type(error).__name__)
    test.doCleanups()
    return tf.constant(found)


def raising(error: BaseException) -> None:
    """Raises it."""
    raise error


def expecting(manager: Any, error: BaseException) -> None:
    """Raises an error where it is expected."""
    with manager:
        raise error


def close(tf: Any, x: Any) -> Any:
    return told(
        tf,
        lambda t: t.assertAllClose(x, x + 1e-7),
        lambda t: t.assertAllClose(x, x + 1e-3),
        lambda t: t.assertAllClose(x, x + 1e-3, rtol=0, atol=1e-2),
        lambda t: t.assertAllClose({"a": x, "b": [1.0, 2.0]}, {"a": x, "b": [1.0, 2.0]}),
        lambda t: t.assertAllClose({"a": x}, {"b": x}),
        lambda t: t.assertAllClose({"a": x}, x),
        lambda t: t.assertAllClose([x, x[0]], [x, x[0]]),
        lambda t: t.assertAllClose([x, x[0]], [x, x[1]]),
        lambda t: t.assertAllClose([x], [x, x]),
        lambda t: t.assertAllClose(Pair(x, 1.0), Pair(x, 1.0)),
        lambda t: t.assertAllClose(Pair(x, 1.0), Pair(x, 2.0)),
        lambda t: t.assertAllClose(x, x[:1]),
        lambda t: t.assertAllClose([float("nan")], [float("nan")]),
        lambda t: t.assertAllClose([1.0, tf.constant(2.0)], [1, 2]),
        lambda t: t.assertNotAllClose(x, x + 1.0),
        lambda t: t.assertNotAllClose(x, x),
        lambda t: t.assertAllCloseAccordingToType(tf.cast(x, tf.float16), x + 5e-4),
        lambda t: t.assertAllCloseAccordingToType(x, x + 5e-4),
        lambda t: t.assertAllCloseAccordingToType(tf.cast(x, tf.bfloat16), x + 5e-3),
        lambda t: t.assertAllClose(tf.ragged.constant([[1.0], [2.0, 3.0]]), tf.ragged.constant([[1.0], [2.0, 3.0]])),
    )


def equal(tf: Any, x: Any) -> Any:
    ragged = tf.ragged.constant([[1, 2], [3]])
    return told(
        tf,
        lambda t: t.assertAllEqual(x, X),
        lambda t: t.assertAllEqual(x, X + 1),
        lambda t: t.assertAllEqual(x, X[0]),
        lambda t: t.assertAllEqual(tf.constant(["a", "é"]), ["a", "é"]),
        lambda t: t.assertAllEqual(tf.constant(["a"]), [b"b"]),
        lambda t: t.assertAllEqual([np.nan, 1.0], [np.nan, 1.0]),
        lambda t: t.assertAllEqual(ragged, [[1, 2], [3]]),
        lambda t: t.assertAllEqual(ragged, [[1, 2], [4]]),
        lambda t: t.assertNotAllEqual(x, X + 1),
        lambda t: t.assertNotAllEqual(x, X),
        lambda t: t.assertAllGreater(x, -1),
        lambda t: t.assertAllGreater(x, 0),
        lambda t: t.assertAllGreaterEqual(x, 0),
        lambda t: t.assertAllLess(x, 6),
        lambda t: t.assertAllLessEqual(x, 4),
        lambda t: t.assertAllInRange(x, 0, 5),
        lambda t: t.assertAllInRange(x, 0, 5, open_upper_bound=True),
        lambda t: t.assertAllInRange(tf.constant(["a"]), 0, 5),
        lambda t: t.assertAllInSet(tf.constant([1, 2]), [1, 2, 3]),
        lambda t: t.assertAllInSet(tf.constant([1, 4]), [1, 2, 3]),
        lambda t: t.assertDTypeEqual(x, tf.float32),
        lambda t: t.assertDTypeEqual(x, np.int32),
        lambda t: t.assertShapeEqual(X, x),
        lambda t: t.assertNear(1.0, 1.1, 0.2),
        lambda t: t.assertNear(1.0, 1.3, 0.2),
        lambda t: t.assertArrayNear([1.0, 2.0], [1.0, 2.5], 0.1),
        lambda t: t.assertNDArrayNear(X, X + 0.1, 1.0),
    )


def errors(tf: Any) -> Any:
    missing = tf.errors.NotFoundError(None, None, "no such thing")
    return told(
        tf,
        lambda t: expecting(t.assertRaisesOpError("such thing"), missing),
        lambda t: expecting(t.assertRaisesOpError("other"), missing),
        lambda t: expecting(t.assertRaisesWithPredicateMatch(ValueError, "x+"), ValueError("axxb")),
        lambda t: expecting(t.assertRaisesWithPredicateMatch(ValueError, lambda e: "z" in str(e)), ValueError("a")),
        lambda t: t.checkedThread(lambda: None).start(),
        lambda t: t.get_temp_dir() == t.get_temp_dir(),
        lambda t: t.checkedThread(raising, args=(ValueError("a"),)).join.__name__,
    )


def evaluated(tf: Any, x: Any) -> Any:
    test = tf.test.TestCase()
    sparse = tf.sparse.from_dense([[0, 3]])
    value = test.evaluate({"x": x, "v": tf.Variable(2.0), "f": lambda: x * 2.0, "s": sparse, "n": None})
    with test.session() as session, test.cached_session():
        assert not isinstance(session, int)
    return [value["x"], value["v"], value["f"], value["s"].indices, value["s"].values]


def gradients(tf: Any, x: Any) -> Any:
    exact, near = tf.test.compute_gradient(lambda a, b: tf.sin(a) * b, [x, tf.ones([3]) * 2.0])
    return [*exact, *(tf.round(n * 50.0) for n in near)]


def complex_gradients(tf: Any) -> Any:
    exact, _ = tf.test.compute_gradient(lambda a: a * a, [tf.constant([1.0 + 2.0j, 3.0 - 1.0j], tf.complex128)])
    return exact[0]


CASES = {
    "close": case(close, X, in_function=False, gradient=False),
    "equal": case(equal, X, in_function=False, gradient=False),
    "errors": case(errors, in_function=False),
    "evaluate": case(evaluated, X, in_function=False, gradient=False),
    "gradients": case(gradients, X, in_function=False, gradient=False, tolerance=1e-4),
    "complex-gradients": case(complex_gradients, in_function=False),
    "gradient-of-no-list": case(lambda tf: tf.test.compute_gradient(tf.square, tf.constant([1.0])), in_function=False),
    "machine": case(lambda tf: tf.constant([tf.test.gpu_device_name() == "", tf.test.is_gpu_available()]), in_function=False),
}
