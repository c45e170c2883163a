"""tf.test.TestCase."""

from __future__ import annotations

import random
import tempfile
import threading
import unittest
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

from headrace.core import nest
from headrace.core.dtypes import as_dtype
from headrace.core.errors import InvalidArgumentError, OpError
from headrace.core.spec import CompositeTensor
from headrace.dispatch.convert import convert_to_tensor, is_tensor
from headrace.dispatch.tensor import Tensor
from headrace.ragged.tensor import RaggedTensor
from headrace.runtime.randomness import set_seed
from headrace.testing import base, comparing

SEED = 1234
_GLOBAL_SEED = 87654321
"""What TensorFlow's tests begin with."""

Predicate = str | Callable[[BaseException], bool]


class _NoSession:
    """What `with self.session() as session` gives: a session that cannot run anything."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"there are no sessions: call functions, or self.evaluate(...), in place of session.{name}")


class TestCase(base.Base):
    """A unittest.TestCase with assertions over tensors, arrays and nested structures of them.

    Each test begins with fixed seeds for `random`, `numpy.random` and `tf.random`.
    """

    def setUp(self) -> None:
        super().setUp()
        random.seed(SEED)
        np.random.seed(SEED)
        set_seed(_GLOBAL_SEED)
        self._temp_dir: str | None = None
        self._threads: list[_CheckedThread] = []

    def get_temp_dir(self) -> str:
        """A folder for this test alone, the same at every call; it is removed after the test."""
        if self._temp_dir is None:
            folder = tempfile.TemporaryDirectory(prefix=f"{self._testMethodName}-")
            self.addCleanup(folder.cleanup)
            self._temp_dir = folder.name
        return self._temp_dir

    def evaluate(self, tensors: Any) -> Any:
        """The values of tensors, variables and functions in a structure, as numpy arrays."""
        return comparing.evaluated(tensors)

    def evaluate_if_both_tensors(self, a: Any, b: Any) -> tuple[Any, Any]:
        """Both evaluated where both are tensors, else both as they are."""
        return (self.evaluate(a), self.evaluate(b)) if is_tensor(a) and is_tensor(b) else (a, b)

    @contextmanager
    def session(self, graph: Any = None, config: Any = None, use_gpu: bool = True, force_gpu: bool = False) -> Iterator[Any]:
        """Does nothing: ops run at once. Kept for programs that open a session around them."""
        yield _NoSession()

    cached_session = session
    test_session = session

    def checkedThread(self, target: Callable[..., Any], args: Any = None, kwargs: Any = None) -> _CheckedThread:
        """A thread whose `join` fails the test where `target` raised."""
        return _CheckedThread(self, target, tuple(args or ()), dict(kwargs or {}))

    def assertAllClose(self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: str | None = None) -> None:
        """Checks |a - b| <= atol + rtol * |b| for all numbers of two structures."""
        if isinstance(a, RaggedTensor) or isinstance(b, RaggedTensor):
            left, right = _listed(a), _listed(b)
            self.assertEqual(_lengths(left), _lengths(right), f"the rows differ in length. {msg or ''}")
            a, b = nest.flatten(left), nest.flatten(right)
        elif isinstance(a, CompositeTensor):
            a, b = self.evaluate(a), self.evaluate(b)
        self._close(a, b, rtol, atol, msg, "")

    def _close(self, a: Any, b: Any, rtol: float, atol: float, msg: str | None, path: str) -> None:
        a, b = comparing.as_nested(a), comparing.as_nested(b)
        where = f"{msg or ''} (at {path})" if path else msg or ""
        if isinstance(a, Mapping) != isinstance(b, Mapping):
            raise ValueError(f"cannot compare a dictionary with something else: {type(a)} and {type(b)}{where}")
        if isinstance(a, Mapping):
            self.assertCountEqual(a.keys(), b.keys(), f"the keys differ{where}")
            for key in a:
                self._close(a[key], b[key], rtol, atol, msg, f"{path}[{key!r}]")
            return
        if isinstance(a, list | tuple) and _is_structure([*a, *b] if isinstance(b, list | tuple) else a):
            self.assertEqual(len(a), len(b), f"the lengths differ{where}")
            for index, (left, right) in enumerate(zip(a, b, strict=True)):
                self._close(left, right, rtol, atol, msg, f"{path}[{index}]")
            return
        left, right = comparing.widened(comparing.array(a)), comparing.widened(comparing.array(b))
        self.assertEqual(left.shape, right.shape, f"shape mismatch: expected {left.shape}, got {right.shape}{where}")
        np.testing.assert_allclose(left, right, rtol=rtol, atol=atol, err_msg=where, equal_nan=True)

    def assertAllCloseAccordingToType(
        self,
        a: Any,
        b: Any,
        rtol: float = 1e-6,
        atol: float = 1e-6,
        float_rtol: float = 1e-6,
        float_atol: float = 1e-6,
        half_rtol: float = 1e-3,
        half_atol: float = 1e-3,
        bfloat16_rtol: float = 1e-2,
        bfloat16_atol: float = 1e-2,
        msg: str | None = None,
    ) -> None:
        """`assertAllClose` with the greater of the tolerances that the dtypes ask for."""
        left, right = comparing.array(a), comparing.array(b)
        single = (np.float32, np.complex64)
        if left.dtype in single or right.dtype in single:
            rtol, atol = max(rtol, float_rtol), max(atol, float_atol)
        if comparing.is_half(left, right):
            rtol, atol = max(rtol, half_rtol), max(atol, half_atol)
        if comparing.is_bfloat(left, right):
            rtol, atol = max(rtol, bfloat16_rtol), max(atol, bfloat16_atol)
        self.assertAllClose(left, right, rtol, atol, msg)

    def assertNotAllClose(self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: str | None = None) -> None:
        """Checks that `assertAllClose` fails."""
        try:
            self.assertAllClose(a, b, rtol, atol)
        except AssertionError:
            return
        raise AssertionError(f"{msg or ''} the two values are close at all elements".strip())

    def assertAllEqual(self, a: Any, b: Any, msg: str | None = None) -> None:
        """Checks that shapes and all elements are equal; NaN equals NaN."""
        if isinstance(a, RaggedTensor) or isinstance(b, RaggedTensor):
            self.assertEqual(_listed(a), _listed(b), msg)
            return
        left, right = comparing.array(a), comparing.array(b)
        label = msg or ""
        self.assertEqual(left.shape, right.shape, f"shape mismatch: expected {left.shape}, got {right.shape}. {label}")
        np.testing.assert_array_equal(comparing.widened(left), comparing.widened(right), err_msg=label)

    def assertNotAllEqual(self, a: Any, b: Any, msg: str | None = None) -> None:
        """Checks that `assertAllEqual` fails."""
        try:
            self.assertAllEqual(a, b)
        except AssertionError:
            return
        raise AssertionError(f"{msg or ''} the two values are equal at all elements".strip())

    def assertAllGreater(self, a: Any, comparison_target: Any) -> None:
        """Checks that the least element is greater than a number."""
        self.assertGreater(np.min(comparing.array(a)), comparison_target)

    def assertAllLess(self, a: Any, comparison_target: Any) -> None:
        """Checks that the greatest element is less than a number."""
        self.assertLess(np.max(comparing.array(a)), comparison_target)

    def assertAllGreaterEqual(self, a: Any, comparison_target: Any) -> None:
        """Checks that the least element is at least a number."""
        self.assertGreaterEqual(np.min(comparing.array(a)), comparison_target)

    def assertAllLessEqual(self, a: Any, comparison_target: Any) -> None:
        """Checks that the greatest element is at most a number."""
        self.assertLessEqual(np.max(comparing.array(a)), comparison_target)

    def assertAllInRange(
        self, target: Any, lower_bound: Any, upper_bound: Any, open_lower_bound: bool = False, open_upper_bound: bool = False
    ) -> None:
        """Checks that all elements lie between two numbers, which belong to the range unless it is said to be open."""
        values = comparing.array(target)
        if not (np.issubdtype(values.dtype, np.integer) or np.issubdtype(values.dtype, np.floating)):
            raise AssertionError(f"a range is one of integers or floats; got {values.dtype}")
        low = values > lower_bound if open_lower_bound else values >= lower_bound
        high = values < upper_bound if open_upper_bound else values <= upper_bound
        outside = ~(low & high)
        if np.any(outside):
            raise AssertionError(
                f"{int(np.sum(outside))} of {values.size} elements are not between {lower_bound} and {upper_bound}:"
                f" {values[outside].ravel()[:10].tolist()}"
            )

    def assertAllInSet(self, target: Any, expected_set: Any) -> None:
        """Checks that every element is one of some values."""
        found = np.unique(comparing.array(target))
        other = [value for value in found.tolist() if value not in list(expected_set)]
        if other:
            raise AssertionError(f"{len(other)} values are not in {expected_set}: {other[:10]}")

    def assertNear(self, f1: Any, f2: Any, err: float, msg: str | None = None) -> None:
        """Checks |f1 - f2| <= err."""
        self.assertTrue(f1 == f2 or abs(f1 - f2) <= err, f"{f1!r} != {f2!r} +/- {err!r}{f' ({msg})' if msg else ''}")

    def assertArrayNear(self, farray1: Any, farray2: Any, err: float, msg: str | None = None) -> None:
        """Checks that two lists of numbers are as long, and near each other at each place."""
        self.assertEqual(len(farray1), len(farray2), msg)
        for left, right in zip(farray1, farray2, strict=True):
            self.assertNear(float(left), float(right), err, msg)

    def assertNDArrayNear(self, ndarray1: Any, ndarray2: Any, err: float, msg: str | None = None) -> None:
        """Checks that the norm of the difference is less than err."""
        distance = np.linalg.norm(comparing.array(ndarray1) - comparing.array(ndarray2))
        self.assertTrue(distance < err, msg or f"the distance {distance} is not below {err}")

    def assertDTypeEqual(self, target: Any, expected_dtype: Any) -> None:
        """Checks the dtype of an array or tensor."""
        wanted = as_dtype(expected_dtype)
        found = target.dtype if isinstance(target, Tensor) else as_dtype(comparing.array(target).dtype)
        self.assertEqual(found, wanted, f"expected dtype {wanted.name}; got {found.name}")

    def assertShapeEqual(self, input_a: Any, input_b: Any, msg: str | None = None) -> None:
        """Checks that two arrays or tensors have one static shape."""
        left, right = (list(getattr(value, "shape", np.shape(value))) for value in (input_a, input_b))
        self.assertEqual(left, right, msg)

    def assertDeviceEqual(self, device1: Any, device2: Any, msg: str | None = None) -> None:
        """Checks that two names mean one device."""
        left, right = (str(getattr(device, "name", device)).lower() for device in (device1, device2))
        self.assertEqual(left, right, f"devices {device1} and {device2} are not equal. {msg or ''}")

    def assertProtoEquals(
        self, expected_message_maybe_ascii: Any, validate_message: Any, msg: str | None = None, relative_tolerance: Any = None
    ) -> None:
        """Checks that two messages are equal; the expected one may be given in text form."""
        expected = expected_message_maybe_ascii
        if isinstance(expected, str):
            expected = comparing.message_of_text(expected, type(validate_message))
        self.assertEqual(expected, validate_message, msg)

    @contextmanager
    def assertRaisesWithPredicateMatch(self, exception_type: Any, expected_err_re_or_predicate: Predicate) -> Iterator[None]:
        """Checks that the block raises such an error, whose text holds an expression or for which a function is true."""
        if isinstance(expected_err_re_or_predicate, str):
            with self.assertRaisesRegex(exception_type, expected_err_re_or_predicate):
                yield
            return
        with self.assertRaises(exception_type) as caught:
            yield
        self.assertTrue(expected_err_re_or_predicate(caught.exception), f"{caught.exception!r} is not the expected one")

    def assertRaisesOpError(self, expected_err_re_or_predicate: Predicate) -> Any:
        """`assertRaisesWithPredicateMatch` for errors of ops."""
        return self.assertRaisesWithPredicateMatch(OpError, expected_err_re_or_predicate)

    def assertRaisesIncompatibleShapesError(self, exception_type: Any = InvalidArgumentError) -> Any:
        """Checks that the block raises because shapes do not fit."""
        return self.assertRaises(exception_type)


class _CheckedThread:
    """See TestCase.checkedThread."""

    def __init__(self, test: unittest.TestCase, target: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._test = test
        self._thread = threading.Thread(target=self._run, args=(target, args, kwargs))
        self._error: BaseException | None = None

    def _run(self, target: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            target(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001  # it is raised again by the thread that joins
            self._error = error

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def join(self) -> None:
        """Waits for it; fails the test where it raised."""
        self._thread.join()
        if self._error is not None:
            self._test.fail(f"error in checkedThread: {self._error!r}")

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._thread.is_alive()


def _is_structure(values: Any) -> bool:
    """Whether the items of a list are values of their own, and not the numbers of one array."""
    if any(isinstance(item, Mapping | CompositeTensor) or hasattr(item, "_asdict") for item in values):
        return True
    return any(hasattr(item, "shape") and np.ndim(item.numpy() if isinstance(item, Tensor) else item) for item in values)  # type: ignore[attr-defined]


def _lengths(rows: Any) -> Any:
    """How long nested lists are, as nested lists."""
    return [len(rows), *map(_lengths, rows)] if isinstance(rows, list) else 0


def _listed(value: Any) -> Any:
    """Nested lists of what a ragged tensor, an array or a nested list holds."""
    if isinstance(value, RaggedTensor):
        return value.to_list()
    if isinstance(value, Tensor | np.ndarray):
        return comparing.array(value).tolist()
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else convert_to_tensor(value).numpy()  # type: ignore[attr-defined]
