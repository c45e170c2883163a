"""Raw ops that change variables, against real TensorFlow."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import numpy as np
import pytest

import headrace as tf
from headrace.core.errors import InvalidArgumentError
from tests.interop import environments
from tests.ops.exchange import decode, encode
from tests.ops.harness import ROOT

RANDOM = np.random.RandomState(11)


ROWS = np.int32([2, 0, 2])


def f32(*shape: int) -> Any:
    """Random numbers from 0.2 to 1."""
    return RANDOM.uniform(0.2, 1, shape).astype(np.float32)


def _optimizer(op: str, variables: str, values: str, **attrs: Any) -> tuple[Any, ...]:
    given = {name: f32(3, 4) if name in ("grad", "delta") else f32() for name in values.split()}
    fixed = {"lr_power": np.float32(-0.5), "global_step": np.int64(3)}
    given |= {name: fixed[name] for name in given if name in fixed}
    return op, {name: f32(3, 4) for name in variables.split()}, given, attrs


def _rows(op: str, variables: str, values: str, **attrs: Any) -> list[tuple[Any, ...]]:
    """An update of rows: different ones, and one of them twice."""
    op, _, given, attrs = _optimizer(op, variables, values, **attrs)
    cells = {name: f32(5, 4) for name in variables.split()}
    return [(op, cells, given | {"indices": rows}, attrs) for rows in (np.int64([4, 0, 2]), ROWS)]


POINTS = np.int64([[0, 1], [2, 3], [1, 1]])
DUAL = "var gradient_accumulator gradient_squared_accumulator"
CALLS: list[Any] = [
    *[_optimizer("ResourceApplyAdagrad", "var accum", "lr grad", update_slots=u) for u in (True, False)],
    _optimizer("ResourceApplyAdagradV2", "var accum", "lr epsilon grad"),
    _optimizer("ResourceApplyRMSProp", "var ms mom", "lr rho momentum epsilon grad"),
    _optimizer("ResourceApplyCenteredRMSProp", "var mg ms mom", "lr rho momentum epsilon grad"),
    _optimizer("ResourceApplyAdadelta", "var accum accum_update", "lr rho epsilon grad"),
    _optimizer("ResourceApplyAdaMax", "var m v", "beta1_power lr beta1 beta2 epsilon grad"),
    *[
        _optimizer("ResourceApplyFtrl", "var accum linear", "grad lr l1 l2 lr_power", multiply_linear_by_lr=b)
        for b in (False, True)
    ],
    *[
        _optimizer("ResourceApplyFtrlV2", "var accum linear", "grad lr l1 l2 l2_shrinkage lr_power", multiply_linear_by_lr=b)
        for b in (False, True)
    ],
    _optimizer("ResourceApplyProximalGradientDescent", "var", "alpha l1 l2 delta"),
    _optimizer("ResourceApplyProximalAdagrad", "var accum", "lr l1 l2 grad"),
    _optimizer("ResourceApplyAdagradDA", DUAL, "grad lr l1 l2 global_step"),
    _optimizer("ResourceApplyAdamWithAmsgrad", "var m v vhat", "beta1_power beta2_power lr beta1 beta2 epsilon grad"),
    _optimizer("ResourceApplyAddSign", "var m", "lr alpha sign_decay beta grad"),
    _optimizer("ResourceApplyPowerSign", "var m", "lr logbase sign_decay beta grad"),
    *_rows("ResourceSparseApplyAdadelta", "var accum accum_update", "lr rho epsilon grad"),
    *_rows("ResourceSparseApplyAdagrad", "var accum", "lr grad", update_slots=False),
    *_rows("ResourceSparseApplyAdagradDA", DUAL, "grad lr l1 l2 global_step"),
    *_rows("ResourceSparseApplyAdagradV2", "var accum", "lr epsilon grad"),
    *_rows("ResourceSparseApplyCenteredRMSProp", "var mg ms mom", "lr rho momentum epsilon grad"),
    *_rows("ResourceSparseApplyFtrl", "var accum linear", "grad lr l1 l2 lr_power", multiply_linear_by_lr=True),
    *_rows("ResourceSparseApplyFtrlV2", "var accum linear", "grad lr l1 l2 l2_shrinkage lr_power"),
    *_rows("ResourceSparseApplyKerasMomentum", "var accum", "lr grad momentum", use_nesterov=True),
    *_rows("ResourceSparseApplyMomentum", "var accum", "lr grad momentum", use_nesterov=True),
    *_rows("ResourceSparseApplyProximalAdagrad", "var accum", "lr l1 l2 grad"),
    *_rows("ResourceSparseApplyProximalGradientDescent", "var", "alpha l1 l2 grad"),
    *_rows("ResourceSparseApplyRMSProp", "var ms mom", "lr rho momentum epsilon grad"),
    *[
        (f"ResourceScatter{kind}", {"resource": f32(4, 3)}, {"indices": ROWS, "updates": f32(3, 3)}, {})
        for kind in ("Min", "Max", "Mul", "Div")
    ],
    ("ResourceScatterDiv", {"resource": np.int32([7, -9, 20])}, {"indices": ROWS, "updates": np.int32([2, 4, 3])}, {}),
    *[
        (f"ResourceScatterNd{kind}", {"ref": f32(4, 5)}, {"indices": POINTS, "updates": f32(3)}, {})
        for kind in ("Update", "Add", "Sub", "Min", "Max")
    ],
    ("ResourceScatterNdAdd", {"ref": f32(4, 5)}, {"indices": POINTS[:, :1], "updates": f32(3, 5)}, {}),
]
NUMBERED = [pytest.param(i, id=f"{c[0]}-{i}") for i, c in enumerate(CALLS)]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The variables after each call in real TensorFlow."""
    folder = tmp_path_factory.mktemp("state")
    request = [
        {"op": op, "variables": {k: encode(v) for k, v in vs.items()}, "values": {k: encode(v) for k, v in xs.items()}, "attrs": a}
        for op, vs, xs, a in CALLS
    ]
    (folder / "question.json").write_text(json.dumps(request))
    command = [
        str(environments.ensure("tensorflow")),
        "-m",
        "tests.ops.peer_state",
        *map(str, (folder / "question.json", folder / "a")),
    ]
    environment = environments.clean_environment()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "a").read_text())


def _after(number: int, compiled: bool) -> list[Any]:
    op, variables, values, attrs = CALLS[number]
    cells = {name: tf.Variable(value) for name, value in variables.items()}

    def change() -> None:
        handles = {name: cell.handle for name, cell in cells.items()}
        definition = getattr(tf.raw_ops, op)
        definition(**handles, **{name: tf.constant(value) for name, value in values.items()}, **attrs)

    (tf.function(change) if compiled else change)()
    return [cell.numpy() for cell in cells.values()]


@pytest.mark.interop
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("number", NUMBERED)
def test_against_tensorflow(number: int, compiled: bool, answers: Any) -> None:
    for ours, theirs in zip(_after(number, compiled), map(decode, answers[number]), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)


def test_gather_of_elements() -> None:
    value = f32(4, 5)
    cell = tf.Variable(value)
    found = tf.raw_ops.ResourceGatherNd(resource=cell.handle, indices=POINTS, dtype=tf.float32)
    np.testing.assert_array_equal(found.numpy(), value[tuple(POINTS.T)])


def test_too_deep_indices() -> None:
    cell = tf.Variable(f32(4))
    with pytest.raises(InvalidArgumentError, match="last dimension of the indices is 1 to 1"):
        tf.raw_ops.ResourceScatterNdAdd(ref=cell.handle, indices=POINTS, updates=f32(3))


def test_rows_without_an_index_each() -> None:
    cells = [tf.Variable(f32(5, 4)) for _ in range(2)]
    with pytest.raises(InvalidArgumentError, match="one row of the gradient for each"):
        tf.raw_ops.ResourceSparseApplyAdagrad(
            var=cells[0].handle, accum=cells[1].handle, lr=0.1, grad=f32(2, 4), indices=np.int32([0, 1, 2])
        )


def test_value_destroyed() -> None:
    cell = tf.Variable(f32(4))
    assert tf.raw_ops.VarIsInitializedOp(resource=cell.handle).numpy()
    assert tf.function(lambda: tf.raw_ops.VarIsInitializedOp(resource=cell.handle))().numpy()
    tf.raw_ops.DestroyResourceOp(resource=cell.handle)
    assert not tf.raw_ops.VarIsInitializedOp(resource=cell.handle).numpy()
    with pytest.raises(tf.errors.FailedPreconditionError, match="has no value yet"):
        cell.read_value()
    tf.raw_ops.DestroyResourceOp(resource=cell.handle)
    with pytest.raises(tf.errors.NotFoundError, match="could be destroyed"):
        tf.raw_ops.DestroyResourceOp(resource=cell.handle, ignore_lookup_error=False)


def test_no_destruction_in_a_function() -> None:
    cell = tf.Variable(f32(4))
    with pytest.raises(tf.errors.UnimplementedError, match="outside of tf.function"):
        tf.function(lambda: tf.raw_ops.DestroyResourceOp(resource=cell.handle))()


def test_no_rows() -> None:
    start = f32(5, 4)
    cells = [tf.Variable(start) for _ in range(2)]
    tf.raw_ops.ResourceSparseApplyMomentum(
        var=cells[0].handle,
        accum=cells[1].handle,
        lr=0.1,
        grad=np.zeros((0, 4), np.float32),
        indices=np.zeros(0, np.int32),
        momentum=0.9,
    )
    for cell in cells:
        np.testing.assert_array_equal(cell, start)
