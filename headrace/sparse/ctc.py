"""tf.nn.ctc_*: losses and decoders over labels, which are sparse or padded."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core.dtypes import int32, int64
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.array.portable import eager_value
from headrace.ops.nn import ctc, ctc_decoding
from headrace.sparse.tensor import SparseTensor


def ctc_loss(
    labels: Any,
    logits: Any,
    label_length: Any,
    logit_length: Any,
    logits_time_major: bool = True,
    unique: Any = None,
    blank_index: int | None = None,
    name: str | None = None,
) -> Tensor:
    """The negated logarithm of the probability of `labels` without alignment (Graves et al., 2006).

    Args:
        labels: [batch, length], padded, or a sparse matrix of int32.
        logits: [time, batch, classes], or [batch, time, classes] unless `logits_time_major`.
        label_length: [batch]; None for sparse labels.
        logit_length: [batch].
        logits_time_major: see `logits`.
        unique: accepted for TensorFlow's signature; it changes no result.
        blank_index: the class of the blank, counted from the end if negative; 0 by default; needed for sparse labels.
        name: a name for the node in a graph.

    Returns:
        The loss [batch], of the logits' dtype; infinite for labels that do not fit into the time.

    Raises:
        ValueError: labels are sparse and there is no `blank_index`, or they are padded and a length is missing.
        InvalidArgumentError: sparse labels are out of range, or longer in time than the logits.
    """
    x = convert_to_tensor(logits)
    x = x if logits_time_major else get("Transpose")(x, [1, 0, 2])
    if isinstance(labels, SparseTensor):
        return _sparse_loss(labels, x, logit_length, blank_index, name)
    if label_length is None or logit_length is None:
        raise ValueError("padded labels need label_length and logit_length; got None")
    losses = ctc.ctc_loss_dense_op.all(x, labels, logit_length, label_length, blank_index=blank_index or 0, name=name)
    return losses[0]


def _sparse_loss(labels: SparseTensor, logits: Tensor, logit_length: Any, blank_index: int | None, name: str | None) -> Tensor:
    if blank_index is None:
        raise ValueError("sparse labels need blank_index; the last class is -1")
    classes = logits.shape[2]
    if classes is None:
        raise ValueError(f"sparse labels need a known number of classes; got logits of shape {logits.shape}")
    blank = blank_index + classes if blank_index < 0 else blank_index
    if not 0 <= blank < classes:
        raise ValueError(f"blank_index must be in [{-classes}, {classes}); got {blank_index}")
    values = get("Cast")(labels.values, DstT=int32)
    _check(eager_value(values), eager_value(logit_length), logits, blank)
    if blank != classes - 1:
        # The op's blank is the last class: the others close up.
        order = np.array([c for c in range(classes) if c != blank] + [blank], np.int32)
        logits = get("GatherV2")(logits, order, 2)
        values = get("SelectV2")(values < blank, values, values - 1)
    return ctc.ctc_loss_op.all(logits, labels.indices, values, logit_length, name=name)[0]


def _check(labels: Any, lengths: Any, logits: Tensor, blank: int) -> None:
    """Refuses labels and lengths that are at hand and out of range."""
    time, _, classes = logits.shape
    if lengths is not None and lengths.size and time is not None and lengths.max() > time:
        raise InvalidArgumentError(f"logit_length must be at most {time}, the logits' time; got {lengths.max()}")
    if labels is None or not labels.size:
        return
    if labels.min() < 0 or labels.max() >= classes or (labels == blank).any():
        raise InvalidArgumentError(
            f"labels must be in [0, {classes}) without the blank, {blank}; got {labels.min()} to {labels.max()}"
        )


def ctc_greedy_decoder(
    inputs: Any, sequence_length: Any, merge_repeated: bool = True, blank_index: int | None = None, name: str | None = None
) -> tuple[list[SparseTensor], Tensor]:
    """The likeliest class of every step, without blanks.

    Args:
        inputs: logits [time, batch, classes], float32 or float64.
        sequence_length: [batch], int32.
        merge_repeated: of equal classes in a row only the first counts.
        blank_index: the class of the blank; the last by default.
        name: a name for the node in a graph.

    Returns:
        A list of one sparse matrix [batch, longest] of int64, and the negated sums of the logits taken [batch, 1].
    """
    indices, values, shape, sums = ctc_decoding.ctc_greedy_decoder_op.all(
        inputs, sequence_length, merge_repeated=merge_repeated, blank_index=-1 if blank_index is None else blank_index, name=name
    )
    return [SparseTensor(indices, values, shape)], sums


def ctc_beam_search_decoder(
    inputs: Any, sequence_length: Any, beam_width: int = 100, top_paths: int = 1, name: str | None = None
) -> tuple[list[SparseTensor], Tensor]:
    """The likeliest label sequences, by prefix beam search; the last class is the blank.

    Args:
        inputs: logits [time, batch, classes], float32 or float64.
        sequence_length: [batch], int32.
        beam_width: how many sequences are kept at every step.
        top_paths: how many are returned.
        name: a name for the node in a graph.

    Returns:
        `top_paths` sparse matrices [batch, longest] of int64, and the logarithms of their probabilities [batch, top_paths].
    """
    found = ctc_decoding.ctc_beam_search_decoder_op.all(
        inputs, sequence_length, beam_width=beam_width, top_paths=top_paths, merge_repeated=False, name=name
    )
    parts = [found[i * top_paths : (i + 1) * top_paths] for i in range(3)]
    return [SparseTensor(*item) for item in zip(*parts, strict=True)], found[-1]


def ctc_unique_labels(labels: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """The distinct labels of each row of [batch, length] in order of appearance, padded with 0, and each label's number there."""
    x = convert_to_tensor(labels)
    same = get("Cast")(get("Equal")(get("ExpandDims")(x, 2), get("ExpandDims")(x, 1)), DstT=int32)
    first = get("ArgMax")(same, 2, output_type=int32)
    length = get("Shape")(x)[1]
    is_first = get("Cast")(get("Equal")(first, get("Range")(0, length, 1)), DstT=int32)
    rank = get("Cumsum")(is_first, 1) - 1
    numbers = get("GatherV2")(rank, first, 1, batch_dims=1)
    places = get("OneHot")(rank, length, 1, 0) * get("ExpandDims")(is_first, -1)
    unique = get("Sum")(get("Cast")(places, DstT=x.dtype) * get("ExpandDims")(x, -1), [1])
    return get("Cast")(unique, DstT=int64), numbers


def collapse_repeated(labels: Any, seq_length: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """Rows [batch, length] without labels that follow an equal one, padded with 0 to the longest, and their lengths [batch]."""
    x, lengths = convert_to_tensor(labels), convert_to_tensor(seq_length)
    number = get("Range")(0, get("Shape")(x)[1], 1)
    inside = get("Less")(number, get("ExpandDims")(get("Cast")(lengths, DstT=int32), -1))
    new = get("ConcatV2")([get("OnesLike")(x[:, :1] == x[:, :1]), get("NotEqual")(x[:, 1:], x[:, :-1])], 1)
    kept = get("LogicalAnd")(inside, new)
    counts = get("Sum")(get("Cast")(kept, DstT=int32), [1])
    places = get("Where")(kept)
    columns = get("Cumsum")(get("Cast")(kept, DstT=int64), 1) - 1
    targets = get("Pack")([places[:, 0], get("GatherNd")(columns, places)], axis=1)
    longest = get("Cast")(get("Max")(counts, [0]), DstT=int64)
    shape = get("Pack")([get("Shape")(x, out_type=int64)[0], longest])
    return get("ScatterNd")(targets, get("GatherNd")(x, places), shape), get("Cast")(counts, DstT=lengths.dtype)
