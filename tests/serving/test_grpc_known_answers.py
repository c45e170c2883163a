"""Answers of a form that is known: the bytes are those of the full writer."""

from __future__ import annotations

import ml_dtypes
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as shapes

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.shapes import TensorShape
from headrace.core.spec import TensorSpec
from headrace.proto.serving import PredictResponse
from headrace.proto.tensors import from_proto
from headrace.serving.dataplane import Prediction
from headrace.serving.engines.base import Array, Signature
from headrace.serving.grpc import forms
from headrace.serving.grpc.codec import predict_pieces
from headrace.serving.grpc.known_answers import Responses

DTYPES = st.sampled_from([np.float32, np.float64, np.int32, np.int64, np.uint8, np.float16, np.complex64, np.bool_])
ARRAYS = DTYPES.flatmap(lambda dtype: shapes.arrays(dtype, shapes.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)))


def signature_of(outputs: dict[str, Array], **declared: DType) -> Signature:
    specs = {}
    for name, value in outputs.items():
        dtype = declared.get(name) or dtypes.from_numpy(value.dtype)
        specs[name] = TensorSpec(TensorShape(None), dtype, name)
    return Signature({}, specs)


def check(
    answers: Responses, content: bool, outputs: dict[str, Array], version: int = 3, name: str = "s", **declared: DType
) -> None:
    """Asserts that an answer has the bytes of the full writer."""
    prediction, signature = Prediction(outputs, version, name), signature_of(outputs, **declared)
    written = answers.write("m", prediction, signature)
    assert written == b"".join(predict_pieces("m", prediction, signature, content))
    for output, value in PredictResponse.FromString(written).outputs.items():
        assert from_proto(value).tobytes() == outputs[output].tobytes()


@given(st.dictionaries(st.text(max_size=6), ARRAYS, max_size=3), st.booleans(), st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_a_known_answer_is_what_the_writer_writes(outputs: dict, content: bool, random: object) -> None:
    answers = Responses(content)
    check(answers, content, outputs)
    for _ in range(2):
        others = {}
        for name, value in outputs.items():
            other = np.frombuffer(random.randbytes(value.nbytes), value.dtype).reshape(value.shape)  # type: ignore[attr-defined]
            others[name] = other % 2 == 1 if value.dtype == np.bool_ else other
        check(answers, content, others)
    check(answers, content, outputs, version=4)
    check(answers, content, outputs, name="t")
    check(answers, content, {name: np.concatenate([value.ravel(), value.ravel()]) for name, value in outputs.items()})
    check(answers, content, {name: np.asfortranarray(value) for name, value in outputs.items()})


def test_which_forms_are_known() -> None:
    cases: dict[str, tuple[object, bool, int]] = {
        "floats, listed": (np.float32([[1, 2]]), False, 1),
        "floats": (np.float32([[1, 2]]), True, 1),
        "integers": (np.int64([1, 2]), True, 1),
        "integers, listed": (np.int64([1, 2]), False, 0),
        "nothing": (np.zeros([0, 2], np.float32), False, 1),
        "strings": (np.array([b"ab"], object), True, 0),
        "no type of numpy's": (np.ones(2, ml_dtypes.bfloat16), True, 0),
    }
    for name, (value, content, known) in cases.items():
        answers = Responses(content)
        for _ in range(2):
            check(answers, content, {"y": value}) if name != "strings" else answers.write(
                "m", Prediction({"y": value}, 1, "s"), signature_of({"y": value})
            )
        assert len(answers) == known, name


def test_a_version_that_declares_another_type_gets_its_own_form() -> None:
    answers = Responses(True)
    value = np.int8([1, 2])
    for declared in (dtypes.int8, dtypes.qint8, dtypes.int8):
        check(answers, True, {"y": value}, y=declared)
        written = answers.write("m", Prediction({"y": value}, 3, "s"), signature_of({"y": value}, y=declared))
        assert PredictResponse.FromString(written).outputs["y"].dtype == declared.enum


def test_the_forms_kept_are_bounded() -> None:
    answers = Responses(True)
    for size in range(1, forms.MAX_ANSWERS + 1):
        check(answers, True, {"y": np.ones(size, np.float32)})
    assert len(answers) == forms.MAX_ANSWERS
    check(answers, True, {"y": np.ones(1000, np.float32)})
    assert len(answers) == 1
    check(answers, True, {"y" * forms.MAX_FRAME_BYTES: np.ones(1, np.float32)})
    assert len(answers) == 1
