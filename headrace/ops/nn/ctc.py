"""Connectionist temporal classification (Graves et al., 2006): the loss of label sequences that are not aligned in time.

The states of a sequence of L labels are its labels with blanks around them, 2 L + 1 in all. The forward algorithm walks over
time with the logarithms of the probabilities of all states; the gradient is that of the walk.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import INDEX, float32, float64
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.opdef import get, op

IMPOSSIBLE = -1e30
"""The logarithm of a probability of zero, finite so that gradients stay numbers."""


def _losses(
    logits: Any, labels: Any, logit_length: Any, label_length: Any, blank: int, *, merge_repeated: bool = True
) -> tuple[Any, Any]:
    """The loss [batch] and its gradient [time, batch, classes], for logits [time, batch, classes] and labels [batch, length]."""

    def total(values: Any) -> tuple[Any, Any]:
        losses = _negative_log_likelihood(values, labels, logit_length, label_length, blank, merge_repeated)
        possible = losses < -0.5 * IMPOSSIBLE
        return jnp.sum(jnp.where(possible, losses, 0)), jnp.where(possible, losses, jnp.inf)

    gradient, losses = jax.grad(total, has_aux=True)(logits)
    # Of labels that cannot be, every class is too likely.
    inside = jnp.arange(logits.shape[0])[:, None] < logit_length
    too_likely = jnp.where(inside[..., None], jax.nn.softmax(logits, axis=-1), 0)
    return losses, jnp.where(jnp.isfinite(losses)[:, None], gradient, too_likely)


def _negative_log_likelihood(
    logits: Any, labels: Any, logit_length: Any, label_length: Any, blank: int, merge_repeated: bool
) -> Any:
    time, batch, _ = logits.shape
    length = labels.shape[1]
    chances = jax.nn.log_softmax(logits, axis=-1)
    states = jnp.full((batch, 2 * length + 1), blank, jnp.int32).at[:, 1::2].set(labels)
    number = jnp.arange(2 * length + 1)
    is_label = number % 2 == 1
    before = jnp.pad(states, [[0, 0], [2, 0]], constant_values=-1)[:, :-2]
    skips = is_label & (number > 1) & ((states != before) | (not merge_repeated))
    stays = ~is_label | merge_repeated
    emitted = jnp.take_along_axis(chances, jnp.broadcast_to(states, (time, *states.shape)), axis=2)

    def step(alpha: Any, row: Any) -> tuple[Any, None]:
        emission, position = row
        one = jnp.pad(alpha, [[0, 0], [1, 0]], constant_values=IMPOSSIBLE)[:, :-1]
        two = jnp.pad(alpha, [[0, 0], [2, 0]], constant_values=IMPOSSIBLE)[:, :-2]
        arrivals = jnp.stack([jnp.where(stays, alpha, IMPOSSIBLE), one, jnp.where(skips, two, IMPOSSIBLE)])
        following = jnp.maximum(jax.nn.logsumexp(arrivals, axis=0) + emission, IMPOSSIBLE)
        return jnp.where((position < logit_length)[:, None], following, alpha), None

    # Before time there is a state in front of the first blank: one step leads from it to the first blank or the first label.
    start = jnp.where(number <= 1, emitted[0], IMPOSSIBLE)
    start = jnp.where((logit_length > 0)[:, None], start, jnp.where(number == 0, 0.0, IMPOSSIBLE))
    last, _ = jax.lax.scan(step, start, (emitted[1:], jnp.arange(1, time)))
    ends = jnp.stack([2 * label_length, jnp.maximum(2 * label_length - 1, 0)], axis=1)
    found = jnp.take_along_axis(last, ends.astype(jnp.int32), axis=1)
    found = jnp.where((label_length > 0)[:, None] | jnp.array([True, False]), found, IMPOSSIBLE)
    return -jax.nn.logsumexp(found, axis=1)


def _dense(indices: Any, values: Any, batch: int, most: int, collapse: bool) -> tuple[Any, Any]:
    """Labels [batch, most] and their numbers [batch] from the entries of a sparse matrix."""
    rows, columns = indices[:, 0], indices[:, 1]
    labels = jnp.full((batch, most), -1, jnp.int32).at[rows, columns].set(values, mode="drop")
    if collapse:
        repeated = jnp.pad(labels[:, 1:] == labels[:, :-1], [[0, 0], [1, 0]])
        kept = (labels >= 0) & ~repeated
        place = jnp.where(kept, jnp.cumsum(kept, axis=1) - 1, most)
        labels = jnp.full_like(labels, -1).at[jnp.arange(batch)[:, None], place].set(labels, mode="drop")
    return jnp.maximum(labels, 0), jnp.sum(labels >= 0, axis=1)


_SPEC = "inputs: T, labels_indices: int64, labels_values: int32, sequence_length: int32 -> loss: T, gradient: T"


def _sparse_loss(
    inputs: Any, indices: Any, values: Any, sequence_length: Any, blank: int, *, collapse: bool, merge_repeated: bool, longer: bool
) -> Any:
    time, batch, _ = inputs.shape
    labels, lengths = _dense(indices, values, batch, min(time, indices.shape[0]) or 1, collapse)
    losses, gradient = _losses(inputs, labels, sequence_length, lengths, blank, merge_repeated=merge_repeated)
    if longer:
        possible = jnp.isfinite(losses)
        losses, gradient = jnp.where(possible, losses, 0), jnp.where(possible[:, None], gradient, 0)
    return losses, gradient


@op("CTCLoss", _SPEC, T=(float32, float64))
def ctc_loss_op(
    inputs: Any,
    labels_indices: Any,
    labels_values: Any,
    sequence_length: Any,
    *,
    preprocess_collapse_repeated: bool = False,
    ctc_merge_repeated: bool = True,
    ignore_longer_outputs_than_inputs: bool = False,
) -> Any:
    """The loss [batch] of sparse labels and its gradient; the last class is the blank."""
    return _sparse_loss(
        inputs,
        labels_indices,
        labels_values,
        sequence_length,
        inputs.shape[2] - 1,
        collapse=preprocess_collapse_repeated,
        merge_repeated=ctc_merge_repeated,
        longer=ignore_longer_outputs_than_inputs,
    )


@op("CTCLossV2", _SPEC.replace(": T", ": float32"))
def ctc_loss_v2_op(
    inputs: Any,
    labels_indices: Any,
    labels_values: Any,
    sequence_length: Any,
    *,
    preprocess_collapse_repeated: bool = False,
    ctc_merge_repeated: bool = True,
    ignore_longer_outputs_than_inputs: bool = False,
) -> Any:
    """The loss [batch] of sparse labels and its gradient; class 0 is the blank."""
    return _sparse_loss(
        inputs,
        labels_indices,
        labels_values,
        sequence_length,
        0,
        collapse=preprocess_collapse_repeated,
        merge_repeated=ctc_merge_repeated,
        longer=ignore_longer_outputs_than_inputs,
    )


@op(
    "_CTCLossDense",
    "logits: T, labels: L, logit_length: N, label_length: N -> loss: T, gradient: T",
    T=(float32, float64),
    L=INDEX,
    N=INDEX,
    exportable=False,
)
def ctc_loss_dense_op(logits: Any, labels: Any, logit_length: Any, label_length: Any, *, blank_index: int) -> Any:
    """The loss [batch] of labels [batch, length] under logits [time, batch, classes], and its gradient."""
    if logits.ndim != 3 or labels.ndim != 2:
        raise InvalidArgumentError(
            f"expected logits [time, batch, classes] and labels [batch, length]; got {list(logits.shape)} and {list(labels.shape)}"
        )
    return _losses(logits, labels.astype(jnp.int32), logit_length, label_length, blank_index % logits.shape[2])


def _gradient(record: Any, grad: Any, _: Any) -> Any:
    """The op's own gradient, weighted by what flows into each loss."""
    weights = get("ExpandDims")(get("ExpandDims")(grad, 0), -1)
    return [get("Mul")(weights, record.outputs[1]), *[None] * (len(record.inputs) - 1)]


for _definition in (ctc_loss_op, ctc_loss_v2_op, ctc_loss_dense_op):
    _definition.gradient(_gradient)
