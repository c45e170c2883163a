"""Public products of matrices and tensors: matmul, tensordot, einsum; and counting functions built on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from headrace.core.dtypes import as_dtype, int32
from headrace.core.errors import InvalidArgumentError
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.math.functions import _pair, conj
from headrace.ops.math.products import batch_matmul, batch_matmul_v3, einsum_op, matmul_op


def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    output_type: Any = None,
    grad_a: bool = False,
    grad_b: bool = False,
    name: str | None = None,
) -> Tensor:
    """The product of the matrices in the last two axes; the other axes broadcast.

    Args:
        a, b: tensors of rank 2 or more and one dtype (two, if `output_type` is given).
        transpose_a, transpose_b: transposes the matrices first.
        adjoint_a, adjoint_b: transposes and conjugates them first.
        a_is_sparse, b_is_sparse: taken for compatibility; products are dense.
        output_type: the dtype of the result.
        grad_a, grad_b: taken for compatibility.
        name: a name for the node in a graph.

    Raises:
        ValueError: a matrix is both transposed and adjoint.
        InvalidArgumentError: the sizes do not fit.
    """
    if (transpose_a and adjoint_a) or (transpose_b and adjoint_b):
        raise ValueError("only one of transpose and adjoint can be true for a matrix")
    x, y = (convert_to_tensor(a), convert_to_tensor(b)) if output_type is not None else _pair(a, b)
    if output_type is not None and not (x.dtype is y.dtype is as_dtype(output_type)):
        x, y = (conj(x) if transpose_a else x), (conj(y) if transpose_b else y)
        return batch_matmul_v3(x, y, Tout=output_type, adj_x=transpose_a or adjoint_a, adj_y=transpose_b or adjoint_b, name=name)
    if x.shape.rank == 2 and y.shape.rank == 2:
        x, y = (conj(x) if adjoint_a else x), (conj(y) if adjoint_b else y)
        return matmul_op(x, y, transpose_a=transpose_a or adjoint_a, transpose_b=transpose_b or adjoint_b, name=name)
    x, y = (conj(x) if transpose_a else x), (conj(y) if transpose_b else y)
    return batch_matmul(x, y, adj_x=transpose_a or adjoint_a, adj_y=transpose_b or adjoint_b, name=name)


def matvec(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    adjoint_a: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    name: str | None = None,
) -> Tensor:
    """The product of matrices a [..., m, n] and vectors b [..., n]: shape [..., m]; the hints `..._is_sparse` change nothing."""
    x, y = _pair(a, b)
    product = matmul(x, get("ExpandDims")(y, -1), transpose_a=transpose_a, adjoint_a=adjoint_a)
    return get("Squeeze")(product, squeeze_dims=[-1], name=name)


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Tensor:
    """The sum of products over pairs of axes.

    Args:
        a, b: tensors of one dtype.
        axes: a number N (the last N axes of a with the first N of b), or two lists of axes (or two ints) to pair.
        name: a name for the node in a graph.

    Returns:
        The free axes of a, then those of b.
    """
    x, y = _pair(a, b)
    if x.shape.rank is None or y.shape.rank is None:
        raise ValueError("tensordot needs tensors of known rank; use set_shape first")
    of_x, of_y = _paired_axes(axes, x.shape.rank, y.shape.rank)
    left, free_x = _as_matrix(x, of_x, last=True)
    right, free_y = _as_matrix(y, of_y, last=False)
    return get("Reshape")(matmul_op(left, right), _joined_shape([*free_x, *free_y]), name=name)


def _paired_axes(axes: Any, rank_x: int, rank_y: int) -> tuple[list[int], list[int]]:
    if isinstance(axes, int | np.integer):
        if not 0 <= axes <= min(rank_x, rank_y):
            raise ValueError(f"tensordot over {axes} axes needs 0..{min(rank_x, rank_y)} for tensors of rank {rank_x} and {rank_y}")
        return list(range(rank_x - int(axes), rank_x)), list(range(int(axes)))
    pair = list(axes) if isinstance(axes, list | tuple) else np.atleast_1d(np.asarray(axes)).tolist()
    if len(pair) == 1:
        return _paired_axes(int(pair[0]), rank_x, rank_y)
    if len(pair) != 2:
        raise ValueError(f"axes must be a number or two lists of axes; got {axes!r}")
    first, second = ([int(i) for i in np.atleast_1d(item)] for item in pair)
    if len(first) != len(second):
        raise ValueError(f"the two lists of axes must have one length; got {axes!r}")
    for chosen, rank in ((first, rank_x), (second, rank_y)):
        if any(not -rank <= axis < rank for axis in chosen):
            raise ValueError(f"axes {chosen} are out of range for a tensor of rank {rank}")
    return [i % rank_x for i in first], [i % rank_y for i in second]


def _as_matrix(x: Tensor, contracted: list[int], last: bool) -> tuple[Tensor, list[Any]]:
    """x as a matrix with the contracted axes last (or first), and the sizes of its free axes, some perhaps scalar tensors."""
    free = [i for i in range(len(x.shape)) if i not in contracted]
    order = [*free, *contracted] if last else [*contracted, *free]
    if order != list(range(len(order))):
        x = get("Transpose")(x, order)
    sizes: list[Any] = list(x.shape)
    if None in sizes:
        shape = get("Shape")(x)
        sizes = [shape[i] if size is None else size for i, size in enumerate(sizes)]
    split = len(free) if last else len(contracted)
    parts = [_total(sizes[:split]), _total(sizes[split:])]
    return get("Reshape")(x, _joined_shape(parts)), sizes[:split] if last else sizes[split:]


def _total(sizes: Sequence[Any]) -> Any:
    if any(isinstance(size, Tensor) for size in sizes):
        total = convert_to_tensor(1)
        for size in sizes:
            total = get("Mul")(total, size)
        return total
    return math.prod(sizes)


def _joined_shape(sizes: Sequence[Any]) -> Any:
    if any(isinstance(size, Tensor) for size in sizes):
        return get("Pack")([convert_to_tensor(size) for size in sizes])
    return np.array(sizes, np.int32)


def einsum(equation: str, *inputs: Any, **kwargs: Any) -> Tensor:
    """Sums of products over named axes, such as `tf.einsum("bij,bjk->bik", x, y)`.

    Without `->` the output holds the labels that occur once, in alphabetical order; `...` stands for axes that broadcast.

    Raises:
        ValueError: the equation and the inputs do not fit.
    """
    name = kwargs.pop("name", None)
    kwargs.pop("optimize", None)
    if kwargs:
        raise TypeError(f"einsum has no argument {', '.join(map(repr, kwargs))}; it takes the equation, tensors, name and optimize")
    tensors = [convert_to_tensor(t) for t in inputs]
    terms, output = _split_equation(equation, len(tensors))
    while len(tensors) > 2:
        rest = set("".join(terms[2:]) + output)
        kept = "".join(dict.fromkeys(c for c in terms[0] + terms[1] if c in rest and c != "."))
        kept = ("..." if "..." in terms[0] + terms[1] else "") + kept
        tensors = [einsum_op(tensors[:2], equation=f"{terms[0]},{terms[1]}->{kept}"), *tensors[2:]]
        terms = [kept, *terms[2:]]
    return einsum_op(tensors, equation=f"{','.join(terms)}->{output}", name=name)


def _split_equation(equation: str, count: int) -> tuple[list[str], str]:
    text = equation.replace(" ", "")
    left, arrow, output = text.partition("->")
    terms = left.split(",")
    if len(terms) != count:
        raise ValueError(f"equation {equation!r} has {len(terms)} terms but {count} tensors were given")
    if not arrow:
        labels = left.replace(",", "").replace("...", "")
        output = ("..." if "..." in left else "") + "".join(sorted(c for c in set(labels) if labels.count(c) == 1))
    if any(not (c.isalpha() or c == ".") for c in "".join(terms) + output):
        raise ValueError(f"equation {equation!r} may hold letters, commas, `...` and `->` only")
    return terms, output


def bincount(
    arr: Any,
    weights: Any = None,
    minlength: Any = None,
    maxlength: Any = None,
    dtype: Any = "int32",
    name: str | None = None,
    axis: Any = None,
    binary_output: bool = False,
) -> Tensor:
    """How often each whole number occurs.

    Args:
        arr: integers that are not negative, of any shape, or [rows, n] if `axis` is -1.
        weights: amounts to add instead of 1; of the shape of `arr`.
        minlength, maxlength: the least and the greatest length of the result.
        dtype: of the result, when there are no weights.
        name: a name for the node in a graph.
        axis: None or 0 counts the whole; -1 counts each row.
        binary_output: 1 for what occurs, instead of counts.

    Returns:
        [length] counts (or [rows, length]); the length is the greatest element plus 1, within the limits.
    """
    if axis not in (None, 0, -1):
        raise ValueError(f"axis must be None, 0 or -1; got {axis!r}")
    x = convert_to_tensor(arr)
    if weights is not None and binary_output:
        raise ValueError("weights and binary_output exclude each other")
    if not x.dtype.is_integer:
        raise InvalidArgumentError(f"bincount counts integers; got {x.dtype.name}; use tf.cast")
    if axis != -1 or x.shape.rank == 1:
        x = get("Reshape")(x, [-1])
    flat_weights = convert_to_tensor(np.zeros(0, as_dtype(dtype).np_dtype)) if weights is None else convert_to_tensor(weights)
    if weights is not None and axis != -1:
        flat_weights = get("Reshape")(flat_weights, [-1])
    size = bin_count(x, minlength, maxlength)
    return get("DenseBincount")(x, size, flat_weights, binary_output=binary_output, name=name)


def bin_count(x: Tensor, least: Any, most: Any) -> Tensor:
    """The number of bins: the greatest element plus 1 (0 for none), within the limits."""
    cast = get("Cast")
    padded = get("ConcatV2")([get("Reshape")(x, [-1]), cast(convert_to_tensor([-1]), DstT=x.dtype)], 0)
    size = get("AddV2")(get("Max")(padded, [0]), 1)
    if least is not None:
        size = get("Maximum")(size, cast(least, DstT=x.dtype))
    if most is not None:
        size = get("Minimum")(size, cast(most, DstT=x.dtype))
    return size


def confusion_matrix(
    labels: Any, predictions: Any, num_classes: Any = None, weights: Any = None, dtype: Any = int32, name: str | None = None
) -> Tensor:
    """A matrix [classes, classes] whose element [i, j] counts the examples of label i predicted as j.

    Args:
        labels, predictions: class numbers, of one shape.
        num_classes: the number of classes; by default the greatest class number plus 1.
        weights: amounts to add instead of 1; of the shape of `labels`.
        dtype: of the result.
        name: a name for the node in a graph.

    Raises:
        InvalidArgumentError: a class is below 0 or not below num_classes; functions leave such examples out instead.
    """
    cast, reshape = get("Cast"), get("Reshape")
    truth, guess = (reshape(cast(convert_to_tensor(v), DstT="int64"), [-1]) for v in (labels, predictions))
    if num_classes is None:
        greatest = get("Maximum")(get("Max")(truth, [0]), get("Max")(guess, [0]))
        num_classes = get("AddV2")(greatest, 1)
    classes = cast(convert_to_tensor(num_classes), DstT="int64")
    cells = get("SelectV2")(_all_within(classes, truth, guess), get("AddV2")(get("Mul")(truth, classes), guess), np.int64(-1))
    if weights is None:
        amounts = get("Fill")(get("Shape")(cells), cast(convert_to_tensor(1), DstT=dtype))
    else:
        amounts = reshape(cast(convert_to_tensor(weights), DstT=dtype), [-1])
    counts = get("UnsortedSegmentSum")(amounts, cells, get("Mul")(classes, classes))
    return reshape(counts, get("Pack")([classes, classes]), name=name)


def _all_within(classes: Any, truth: Tensor, guess: Tensor) -> Tensor:
    """Which examples have both classes in range.

    Raises:
        InvalidArgumentError: one has not; eagerly only, for a check would keep a function from being compiled.
    """
    less, at_least, both = get("Less"), get("GreaterEqual"), get("LogicalAnd")
    zero = np.int64(0)
    within = [both(at_least(values, zero), less(values, classes)) for values in (truth, guess)]
    if context.executing_eagerly():
        for what, values, fine in zip(("labels", "predictions"), (truth, guess), within, strict=True):
            if not bool(get("All")(fine, [0])):
                ends: list[Any] = [get("Min")(values, [0]), get("Max")(values, [0])]
                least, greatest = map(int, ends)
                raise InvalidArgumentError(f"{what} are {least} to {greatest}; expected classes of 0 to {int(classes) - 1}")
    return both(*within)


def histogram_fixed_width(values: Any, value_range: Any, nbins: Any = 100, dtype: Any = int32, name: str | None = None) -> Tensor:
    """How many values fall into each of `nbins` equal parts of `value_range` ([2]); those outside count for the outermost parts."""
    return get("HistogramFixedWidth")(values, value_range, nbins, dtype=dtype, name=name)


def histogram_fixed_width_bins(
    values: Any, value_range: Any, nbins: Any = 100, dtype: Any = int32, name: str | None = None
) -> Tensor:
    """The part of `value_range` ([2]), cut into `nbins` equal ones, that each value falls into."""
    numbers = convert_to_tensor(values)
    flat = get("Reshape")(numbers, [-1])
    low, high = (get("Cast")(convert_to_tensor(value_range, numbers.dtype)[i], DstT=numbers.dtype) for i in (0, 1))
    count = get("Cast")(nbins, DstT=int32)
    floating = flat.dtype if flat.dtype.is_floating else as_dtype("float64")
    share = get("Cast")(flat - low, DstT=floating) / get("Cast")(high - low, DstT=floating)
    places = get("Cast")(get("Floor")(get("Cast")(count, DstT=floating) * share), DstT=int32)
    clipped = get("Minimum")(get("Maximum")(places, 0), count - 1)
    return get("Reshape")(get("Cast")(clipped, DstT=as_dtype(dtype)), get("Shape")(numbers), name=name)


def unsorted_segment_mean(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
    """The mean of the rows of each segment; 0 of none."""
    return _segment_average(data, segment_ids, num_segments, False, name)


def unsorted_segment_sqrt_n(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
    """The sum of the rows of each segment over the root of their number; 0 of none."""
    return _segment_average(data, segment_ids, num_segments, True, name)


def _segment_average(data: Any, segment_ids: Any, num_segments: Any, root: bool, name: str | None) -> Tensor:
    values, ids = convert_to_tensor(data), convert_to_tensor(segment_ids)
    ones = get("Fill")(get("Shape")(ids), get("Cast")(1, DstT=values.dtype))
    counts = get("Maximum")(get("UnsortedSegmentSum")(ones, ids, num_segments), 1)
    if root:
        counts = get("Sqrt")(counts)
    total = get("UnsortedSegmentSum")(values, ids, num_segments)
    for _ in range(len(values.shape) - len(ids.shape)):
        counts = get("ExpandDims")(counts, -1)
    return get("RealDiv")(total, counts, name=name)


def sparse_segment_sum(
    data: Any, indices: Any, segment_ids: Any, num_segments: Any = None, name: str | None = None, sparse_gradient: bool = False
) -> Tensor:
    """The sum of the rows `data[indices]` of each segment; `num_segments` fixes the number of segments."""
    if num_segments is not None:
        return get("UnsortedSegmentSum")(get("GatherV2")(data, indices, 0), segment_ids, num_segments, name=name)
    return get("SparseSegmentSum")(data, indices, segment_ids, sparse_gradient=sparse_gradient, name=name)


def sparse_segment_mean(
    data: Any, indices: Any, segment_ids: Any, num_segments: Any = None, name: str | None = None, sparse_gradient: bool = False
) -> Tensor:
    """The mean of the rows `data[indices]` of each segment; `num_segments` fixes the number of segments."""
    if num_segments is not None:
        return unsorted_segment_mean(get("GatherV2")(data, indices, 0), segment_ids, num_segments, name)
    return get("SparseSegmentMean")(data, indices, segment_ids, sparse_gradient=sparse_gradient, name=name)


def sparse_segment_sqrt_n(
    data: Any, indices: Any, segment_ids: Any, num_segments: Any = None, name: str | None = None, sparse_gradient: bool = False
) -> Tensor:
    """The sum of the rows `data[indices]` of each segment over the root of their number."""
    if num_segments is not None:
        return unsorted_segment_sqrt_n(get("GatherV2")(data, indices, 0), segment_ids, num_segments, name)
    return get("SparseSegmentSqrtN")(data, indices, segment_ids, sparse_gradient=sparse_gradient, name=name)
