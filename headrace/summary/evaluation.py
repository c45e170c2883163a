"""Summaries that judge a model: precision and recall, confusion, gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.core import dtypes
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch.composite import IndexedSlices
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.host.assertions import assert_less, assert_non_negative, assert_type
from headrace.ops.linalg.functions import norm
from headrace.ops.math.contraction import confusion_matrix as confusion_counts
from headrace.ops.math.functions import cast
from headrace.summary import metadata as plugins
from headrace.summary.media import write_images
from headrace.summary.metadata import summary_metadata
from headrace.summary.recording import summary_scope
from headrace.summary.values import histogram, scalar, write


def pr_curve(
    name: str,
    labels: Any,
    predictions: Any,
    step: Any = None,
    num_thresholds: int = 201,
    weights: Any = None,
    description: str | None = None,
) -> Tensor:
    """Writes precision and recall at many thresholds, for TensorBoard's PR curves.

    Args:
        name: of the summary; TensorBoard's own functions put "/pr_curves" behind it, and so does this one.
        labels: bool, of any shape: what is true.
        predictions: probabilities that it is, between 0 and 1, of the same shape.
        step: an int64 scalar; by default the one that is set.
        num_thresholds: how many, evenly spread over 0 to 1; 2 or more.
        weights: of each prediction, of a shape that can be broadcast to theirs; 1 by default.
        description: Markdown.

    Returns:
        A bool scalar: whether it was written, which needs a default writer and the condition of `record_if`.

    Raises:
        TypeError: the labels are no bools.
        ValueError: there are fewer than 2 thresholds, or the shapes differ.
    """
    if num_thresholds < 2:
        raise ValueError(f"num_thresholds must be 2 or more; got {num_thresholds}")
    labels, predictions = convert_to_tensor(labels), cast(convert_to_tensor(predictions), dtypes.float32)
    assert_type(labels, dtypes.bool_)
    labels.shape.assert_is_compatible_with(predictions.shape)
    weights = cast(convert_to_tensor(1.0 if weights is None else weights), dtypes.float32)

    def curve() -> Tensor:
        return get("_PrecisionRecallCurve")(labels, predictions, weights, num_thresholds=num_thresholds)

    with summary_scope(f"{name}/pr_curves", "pr_curves") as (tag, _):
        content = plugins.PrCurveData(num_thresholds=num_thresholds)
        return write(tag, curve, step, summary_metadata(plugins.PR_CURVES, content, description, display_name=name))


def confusion_matrix(
    name: str,
    labels: Any,
    predictions: Any,
    step: Any = None,
    class_names: Sequence[str] | None = None,
    num_classes: int | None = None,
    description: str | None = None,
) -> Tensor:
    """Writes a picture of how often each class was taken for which (with the extra `headrace[image]`).

    Args:
        name: of the summary.
        labels: integers [n]: the true classes.
        predictions: integers [n]: those predicted.
        step: an int64 scalar; by default the one that is set.
        class_names: one a class, written beside the rows; their numbers by default.
        num_classes: how many; by default as many as there are names, else up to the greatest number that occurs.
        description: Markdown.

    Returns:
        A bool scalar: whether it was written; see `pr_curve`.

    Raises:
        InvalidArgumentError: a class is out of range, or there are more than 64 of them.
        ValueError: there are not as many names as classes.
    """
    if class_names is not None and num_classes not in (None, len(class_names)):
        raise ValueError(f"{num_classes} classes have {len(class_names)} names; give one a class")
    names = None if class_names is None else [str(text) for text in class_names]
    count = len(names) if names is not None else num_classes

    def picture() -> Tensor:
        for classes in (labels, predictions):
            assert_non_negative(classes, f"{name}: classes are counted from 0")
            if count is not None:
                assert_less(classes, count, f"{name}: there are {count} classes")
        counts = confusion_counts(labels, predictions, num_classes=count)
        return get("_DrawConfusionMatrix")(counts, names=tuple(names or ()))

    return write_images(name, picture, step, 1, description)


def gradients(name: str, gradients: Sequence[Any], variables: Sequence[Any], step: Any = None) -> Tensor:
    """Writes the distribution and the norm of each gradient.

    Args:
        name: what the tags begin with: `name/variable` for the histogram, `name/variable/norm` for the norm.
        gradients: as a tape gives them; None is left out.
        variables: those that they belong to.
        step: an int64 scalar; by default the one that is set.

    Returns:
        A bool scalar: whether they were written; see `pr_curve`.

    Raises:
        InvalidArgumentError: there are more or fewer gradients than variables.
    """
    if len(gradients) != len(variables):
        raise InvalidArgumentError(f"{len(gradients)} gradients were given for {len(variables)} variables; give one each")
    written = convert_to_tensor(False)
    for gradient, variable in zip(gradients, variables, strict=True):
        if gradient is None:
            continue
        values = gradient.values if isinstance(gradient, IndexedSlices) else convert_to_tensor(gradient)
        stem = f"{name}/{getattr(variable, 'path', None) or variable.name.partition(':')[0]}"
        histogram(stem, values, step)
        written = scalar(f"{stem}/norm", norm(values), step)
    return written
