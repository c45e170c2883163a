"""The label sequences that the outputs of connectionist temporal classification stand for."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core.dtypes import float32, float64
from headrace.core.errors import FailedPreconditionError, InvalidArgumentError
from headrace.dispatch.opdef import op

Sequences = list[tuple[int, ...]]


def _check(inputs: Any, sequence_length: Any) -> None:
    if inputs.ndim != 3:
        raise InvalidArgumentError(f"inputs must have shape [time, batch, classes]; got {list(inputs.shape)}")
    if sequence_length.shape != inputs.shape[1:2]:
        raise InvalidArgumentError(f"sequence_length must have shape [{inputs.shape[1]}]; got {list(sequence_length.shape)}")
    if sequence_length.size and not 0 <= sequence_length.min() <= sequence_length.max() <= inputs.shape[0]:
        raise FailedPreconditionError(
            f"sequence_length must be from 0 to {inputs.shape[0]}, the inputs' time; got {sequence_length.tolist()}"
        )


def _sparse(sequences: Sequences) -> tuple[Any, Any, Any]:
    """Indices, values and shape of the sparse matrix with one sequence a row."""
    indices = [(row, column) for row, sequence in enumerate(sequences) for column in range(len(sequence))]
    values = [label for sequence in sequences for label in sequence]
    shape = (len(sequences), max(map(len, sequences), default=0))
    return np.array(indices, np.int64).reshape(-1, 2), np.array(values, np.int64), np.array(shape, np.int64)


def _greedy_shapes(inputs: Any, sequence_length: Any, **_: Any) -> list[Any]:
    return [(None, 2), (None,), (2,), (inputs[1], 1)]


@op(
    "CTCGreedyDecoder",
    "inputs: T, sequence_length: int32 -> decoded_indices: int64, decoded_values: int64, decoded_shape: int64, log_probability: T",
    T=(float32, float64),
    host_only=True,
    differentiable=False,
    shape=_greedy_shapes,
)
def ctc_greedy_decoder_op(inputs: Any, sequence_length: Any, *, merge_repeated: bool = False, blank_index: int = -1) -> Any:
    """The likeliest class of every step, without blanks, and the negated sum of the logits taken [batch, 1]."""
    _check(inputs, sequence_length)
    classes = inputs.shape[2]
    blank = blank_index + classes if blank_index < 0 else blank_index
    if not 0 <= blank < classes:
        raise InvalidArgumentError(f"blank_index must be in [{-classes}, {classes}); got {blank_index}")
    best, sums, sequences = inputs.argmax(axis=2), [], []
    for example, steps in enumerate(sequence_length):
        path = best[:steps, example]
        sums.append(-inputs[np.arange(steps), example, path].sum(dtype=inputs.dtype))
        kept = path != blank
        if merge_repeated:
            kept[1:] &= path[1:] != path[:-1]
        sequences.append(tuple(path[kept].tolist()))
    return *_sparse(sequences), np.array(sums, inputs.dtype).reshape(-1, 1)


class _Beam:
    """The likeliest label sequences of one example so far.

    Attributes:
        prefixes: the sequences.
        blank, label: the logarithms of the probabilities of their paths that end in a blank, and in their last label.
    """

    def __init__(self, width: int, blank_class: int) -> None:
        self.width = width
        self.blank_class = blank_class
        self.prefixes: Sequences = [()]
        self.blank = np.zeros(1)
        self.label = np.full(1, -np.inf)

    def step(self, chances: Any) -> None:
        """Takes in the logarithms of the probabilities [classes] of one more step."""
        total = np.logaddexp(self.blank, self.label)
        last = np.array([prefix[-1] if prefix else -1 for prefix in self.prefixes])
        longer = np.where(np.arange(len(chances)) == last[:, None], self.blank[:, None], total[:, None]) + chances
        longer[:, self.blank_class] = -np.inf
        blank = total + chances[self.blank_class]
        label = np.where(last >= 0, self.label + chances[last], -np.inf)
        numbers = {prefix: number for number, prefix in enumerate(self.prefixes)}
        for number, prefix in enumerate(self.prefixes):
            shorter = numbers.get(prefix[:-1]) if prefix else None
            if shorter is not None:
                label[number] = np.logaddexp(label[number], longer[shorter, prefix[-1]])
                longer[shorter, prefix[-1]] = -np.inf
        self._keep(blank, label, longer)

    def _keep(self, blank: Any, label: Any, longer: Any) -> None:
        """Goes on with the likeliest of the old prefixes and of those that are longer by one label."""
        scores = np.concatenate([np.logaddexp(blank, label), longer.ravel()])
        order = np.argsort(-scores, kind="stable")[: self.width]
        order = order[np.isfinite(scores[order])]
        count, classes = longer.shape
        prefixes = []
        for place in order:
            if place < count:
                prefixes.append(self.prefixes[place])
            else:
                prefixes.append((*self.prefixes[(place - count) // classes], int((place - count) % classes)))
        old = order < count
        sources = np.minimum(order, count - 1)
        self.blank = np.where(old, blank[sources], -np.inf)
        self.label = np.where(old, label[sources], scores[order])
        self.prefixes = prefixes

    def best(self, count: int) -> tuple[Sequences, Any]:
        """The likeliest sequences and the logarithms of their probabilities."""
        scores = np.logaddexp(self.blank, self.label)
        order = np.argsort(-scores, kind="stable")[:count]
        return [self.prefixes[i] for i in order], scores[order]


def _merged(sequence: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(label for place, label in enumerate(sequence) if not place or sequence[place - 1] != label)


def _beam_shapes(inputs: Any, sequence_length: Any, *, top_paths: int, **_: Any) -> list[Any]:
    return [*[(None, 2)] * top_paths, *[(None,)] * top_paths, *[(2,)] * top_paths, (inputs[1], top_paths)]


@op(
    "CTCBeamSearchDecoder",
    "inputs: T, sequence_length: int32 -> decoded_indices: top_paths*int64, decoded_values: top_paths*int64,"
    " decoded_shape: top_paths*int64, log_probability: T",
    T=(float32, float64),
    host_only=True,
    differentiable=False,
    shape=_beam_shapes,
)
def ctc_beam_search_decoder_op(
    inputs: Any, sequence_length: Any, *, beam_width: int, top_paths: int, merge_repeated: bool = True
) -> Any:
    """The likeliest label sequences by prefix beam search, and the logarithms of their probabilities [batch, top_paths]."""
    _check(inputs, sequence_length)
    if not 1 <= top_paths <= beam_width:
        raise InvalidArgumentError(f"top_paths must be from 1 to beam_width {beam_width}; got {top_paths}")
    wide = inputs.astype(np.float64)
    highest = wide.max(axis=2, keepdims=True)
    chances = wide - highest - np.log(np.exp(wide - highest).sum(axis=2, keepdims=True))
    paths: list[Sequences] = [[] for _ in range(top_paths)]
    scores = np.full((inputs.shape[1], top_paths), -np.inf)
    for example, steps in enumerate(sequence_length):
        beam = _Beam(beam_width, inputs.shape[2] - 1)
        for row in chances[:steps, example]:
            beam.step(row)
        found, probabilities = beam.best(top_paths)
        if len(found) < top_paths:
            raise InvalidArgumentError(
                f"example {example} has only {len(found)} possible label sequences; got top_paths {top_paths}"
            )
        scores[example] = probabilities
        for path, sequence in zip(paths, found, strict=True):
            path.append(_merged(sequence) if merge_repeated else sequence)
    decoded = [_sparse(sequences) for sequences in paths]
    return *([item[part] for item in decoded] for part in range(3)), scores.astype(inputs.dtype)
