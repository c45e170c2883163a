"""What a model of the zoo is asked, and how questions and answers stand in files; for Headrace's side and TensorFlow's."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

TOLERANCE = 1e-4
"""The greatest difference allowed, relative to the largest magnitude of the expected array (at least 1)."""
HALF = {"bfloat16": 2e-2, "float16": 5e-3}
"""The same for answers of 16 bits, whose own steps are larger than `TOLERANCE`."""
QUESTIONS, ARRAYS = "questions.json", "arrays.npz"


@dataclass(frozen=True)
class Question:
    """One call of a saved model.

    Attributes:
        args, kwargs: the arguments; arrays, composite tensors and plain Python values, nested.
        signature: the signature to call, with tensors by name; when empty, a function is called.
        function: the attribute (`layer.f` for one of a child) to call; empty for the object itself.
    """

    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    signature: str = ""
    function: str = ""


@dataclass(frozen=True)
class Case:
    """A model, how it is saved, and what it is asked.

    Attributes:
        model: the object that is saved.
        questions: the calls whose answers are compared.
        signatures: what is passed to `tf.saved_model.save`.
        save: writes the model to a folder in another way than `tf.saved_model.save`.
    """

    model: Any
    questions: Sequence[Question]
    signatures: Any = None
    save: Callable[[str], Any] | None = None


def signature(name: str = "serving_default", /, **inputs: Any) -> Question:
    """A call of a signature."""
    return Question(kwargs=inputs, signature=name)


def call(function: str, /, *args: Any, **kwargs: Any) -> Question:
    """A call of a function."""
    return Question(args, kwargs, function=function)


def write_questions(tf: Any, folder: Path, questions: Sequence[Question], answers: Sequence[Sequence[np.ndarray]]) -> None:
    """Writes the questions with the answers that are expected."""
    arrays: dict[str, np.ndarray] = {}
    documents = []
    for question, answer in zip(questions, answers, strict=True):
        document = {key: _encode(tf, getattr(question, key), arrays) for key in ("args", "kwargs", "signature", "function")}
        documents.append(document | {"answer": [_store(array, arrays) for array in answer]})
    (folder / QUESTIONS).write_text(json.dumps(documents))
    np.savez(folder / ARRAYS, **arrays)


def differences(tf: Any, loaded: Any, folder: Path) -> list[str]:
    """Asks a loaded model and says where its answers differ from those expected: nothing when all is well."""
    with np.load(folder / ARRAYS) as file:
        arrays = dict(file)
    found = []
    for number, document in enumerate(json.loads((folder / QUESTIONS).read_text())):
        question = Question(**{key: _decode(tf, document[key], arrays) for key in ("args", "kwargs", "signature", "function")})
        what = f"call {number} ({question.signature or question.function or '__call__'})"
        wanted, given = [_array(key, arrays) for key in document["answer"]], ask(tf, loaded, question)
        if len(wanted) != len(given):
            found.append(f"{what}: {len(given)} answers, expected {len(wanted)}")
            continue
        problems = [_difference(a, b) for a, b in zip(given, wanted, strict=True)]
        found += [f"{what}, answer {i}: {problem}" for i, problem in enumerate(problems) if problem]
    return found


def ask(tf: Any, model: Any, question: Question) -> list[np.ndarray]:
    """The tensors of a model's answer."""
    if question.signature:
        function = model.signatures[question.signature]
    else:
        function = model
        for name in question.function.split(".") if question.function else ():
            function = function[int(name)] if name.isdigit() else getattr(function, name)
    kwargs = {key: _tensors(tf, value) for key, value in question.kwargs.items()}
    answer = function(*(_tensors(tf, value) for value in question.args), **kwargs)
    return [np.asarray(part) for part in tf.nest.flatten(answer, expand_composites=True) if part is not None]


def _tensors(tf: Any, value: Any) -> Any:
    """Arrays as tensors, inside whatever holds them."""
    return tf.nest.map_structure(lambda leaf: tf.constant(leaf) if isinstance(leaf, np.ndarray) else leaf, value)


def _difference(given: np.ndarray, wanted: np.ndarray) -> str:
    if given.shape != wanted.shape or given.dtype != wanted.dtype:
        return f"{given.dtype}{list(given.shape)}, expected {wanted.dtype}{list(wanted.shape)}"
    if wanted.dtype.kind in "OSUbiu":
        return "" if np.array_equal(given, wanted) else f"{_short(given)}, expected {_short(wanted)}"
    tolerance = HALF.get(wanted.dtype.name, TOLERANCE)
    a, b = (x.astype(np.complex128 if x.dtype.kind == "c" else np.float64) for x in (given, wanted))
    finite = np.isfinite(b)
    if not np.array_equal(np.isfinite(a), finite) or not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return f"{_short(given)}, expected {_short(wanted)}"
    scale = max(1.0, float(np.max(np.abs(b), where=finite, initial=0.0)))
    worst = float(np.max(np.abs(a - b), where=finite, initial=0.0)) / scale
    return "" if worst <= tolerance else f"differs by {worst:.2g} of the largest magnitude, allowed {tolerance:g}"


def _short(array: np.ndarray) -> str:
    return np.array2string(array.ravel()[:8], separator=", ")


def _encode(tf: Any, value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, np.ndarray):
        return {"array": _store(value, arrays)}
    if isinstance(value, tf.RaggedTensor | tf.SparseTensor):
        parts = [np.asarray(part) for part in tf.nest.flatten(value, expand_composites=True)]
        return {type(value).__name__: [_store(part, arrays) for part in parts]}
    if isinstance(value, tuple):
        return {"tuple": [_encode(tf, item, arrays) for item in value]}
    if isinstance(value, list):
        return [_encode(tf, item, arrays) for item in value]
    if isinstance(value, Mapping):
        return {"dict": {key: _encode(tf, item, arrays) for key, item in value.items()}}
    return value


def _decode(tf: Any, value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_decode(tf, item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    if kind == "array":
        return _array(held, arrays)
    if kind == "tuple":
        return tuple(_decode(tf, item, arrays) for item in held)
    if kind == "dict":
        return {key: _decode(tf, item, arrays) for key, item in held.items()}
    parts = [_array(key, arrays) for key in held]
    if kind == "SparseTensor":
        return tf.SparseTensor(*parts)
    return tf.RaggedTensor.from_nested_row_splits(parts[0], parts[1:])


def _store(array: np.ndarray, arrays: dict[str, np.ndarray]) -> str:
    """Keeps an array and returns its key, which says what the file format cannot: text, or a dtype that numpy lacks."""
    kind = "text" if array.dtype.kind in "OSU" else array.dtype.name
    key = f"{len(arrays)}:{kind}"
    if kind == "text":
        # Fixed-length text loses zeros at its end, so a byte that is dropped again is put there.
        array = np.array([(x.encode() if isinstance(x, str) else x) + b"." for x in array.ravel().tolist()], "S").reshape(
            array.shape
        )
    arrays[key] = array.astype(np.float32) if kind == "bfloat16" else array
    return key


def _array(key: str, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    kind, array = key.partition(":")[2], arrays[key]
    if kind == "text":
        text = np.empty(array.size, object)
        text[:] = [item[:-1] for item in array.ravel().tolist()]
        return text.reshape(array.shape)
    if kind == "bfloat16":
        import ml_dtypes

        return array.astype(ml_dtypes.bfloat16)
    return array
