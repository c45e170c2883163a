"""Plans remember which inputs were found good; what they say is what a check of each request would say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.core.errors import InternalError, InvalidArgumentError
from headrace.core.spec import TensorSpec
from headrace.serving import plans
from headrace.serving.batching.batcher import Batcher
from headrace.serving.batching.metrics import BatchingMetrics
from headrace.serving.batching.options import AdaptiveBatching
from headrace.serving.batching.tensors import kind_of, rows_of
from headrace.serving.checks import complete_inputs
from headrace.serving.engines.base import Signature
from headrace.serving.plans import Plan

SIGNATURE = Signature(
    {"x": TensorSpec([None, None], "float32"), "k": TensorSpec([None], "int64")},
    {"b": TensorSpec([None], "float32"), "a": TensorSpec([None], "float32")},
    defaults={"k": np.int64([7])},
)


def plan(batched: bool = False, method: str = "", check: bool = False) -> Plan:
    signature = Signature(SIGNATURE.inputs, SIGNATURE.outputs, method, SIGNATURE.defaults)
    batcher = Batcher("m", 1, {"s": signature}, lambda name, inputs: {}, AdaptiveBatching(), BatchingMetrics())
    return Plan("s", signature, batcher if batched else None, check)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from(["x", "k", "other"]), st.sampled_from(["float32", "int64", "O"])),
            st.lists(st.integers(0, 2), max_size=3),
        ),
        max_size=12,
    ),
    st.integers(1, 3),
)
def test_a_check_says_the_same_whatever_was_asked_before(asked: list[tuple[dict[str, str], list[int]]], most: int) -> None:
    checked = plan(batched=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plans, "MOST_LAYOUTS", most)
        for names, shape in asked:
            inputs = {name: np.zeros(shape[:1] if name == "k" else shape, dtype) for name, dtype in names.items()}
            try:
                wanted: Any = complete_inputs(SIGNATURE, inputs)
            except InvalidArgumentError as error:
                with pytest.raises(InvalidArgumentError) as caught:
                    checked.check(inputs)
                assert caught.value.message == error.message
                continue
            found, layout = checked.check(inputs)
            assert dict(found) == wanted or found.keys() == wanted.keys()
            assert layout is not None
            assert layout.rows == rows_of(wanted)
            assert layout.kind == (kind_of(wanted, False) if layout.rows else None)
            assert len(checked._known) <= most


def test_inputs_that_are_known_are_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Any] = []

    def look(signature: Signature, inputs: Any) -> Any:
        looks.append(inputs)
        return complete_inputs(signature, inputs)

    monkeypatch.setattr(plans, "complete_inputs", look)
    checked = plan()
    x, k = np.zeros((2, 3), np.float32), np.zeros(2, np.int64)
    for _ in range(3):
        assert checked.check({"x": x, "k": k})[1] is None, "there is no layout where nothing is batched"
        with pytest.raises(InvalidArgumentError, match="dtype int64; expected float32"):
            checked.check({"x": k, "k": k})
    assert len(looks) == 4, "only bad ones are looked at each time"
    found, _ = checked.check({"x": x})
    assert found["k"].tolist() == [7]


def test_outputs_and_methods() -> None:
    assert list(plan().wanted(())) == ["a", "b"]
    assert list(plan().wanted(["b"])) == ["b"]
    with pytest.raises(InvalidArgumentError, match="output_filter names"):
        plan().wanted(["c"])
    inputs = {"x": np.zeros((1, 1), np.float32)}
    assert plan(method="odd").check(inputs)
    with pytest.raises(InternalError, match="Was: odd"):
        plan(method="odd", check=True).check(inputs)
    assert plan().batcher is None
    assert plan(batched=True).batcher is not None
