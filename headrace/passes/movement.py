"""Rules for ops that move, repeat or convert elements and compute nothing; part of the arithmetic pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headrace.core.dtypes import int32
from headrace.ir.graph import Value
from headrace.ir.patterns import Constant, Hole, Maker, Match, Op, Rule
from headrace.passes.conditions import ONE, ZERO, empty, holds, not_complex, same_shape

X, Y, Z = Hole("x"), Hole("y"), Hole("z")
C, D = Constant("c"), Constant("d")
BATCH_PRODUCT = "BatchMatMulV2|BatchMatMulV3"


def _permutation(match: Match, name: str) -> tuple[int, ...]:
    array = match.array(name)
    return tuple(int(axis) % max(array.size, 1) for axis in array.ravel())


def _keeps_order(match: Match) -> bool:
    order = _permutation(match, "c")
    return order == tuple(range(len(order)))


def _swaps_last(match: Match) -> bool:
    order = _permutation(match, "c")
    rank = len(order)
    return rank >= 2 and order == (*range(rank - 2), rank - 1, rank - 2)


def _composed(match: Match, maker: Maker) -> Value:
    first, second = _permutation(match, "c"), _permutation(match, "d")
    order = maker.constant(np.array([first[axis] for axis in second], np.int32), int32)
    return maker.make("Transpose", [match["x"], order], {})[0]


def _with_flag(flag: str, position: int) -> Rule:
    """A product that reads the transposed matrix by itself."""

    def replacement(match: Match, maker: Maker) -> Value:
        root = match.root
        inputs = list(root.inputs)
        inputs[position] = match["x"]
        explicit = {key: value for key, value in root.attrs.items() if not key.startswith("T")}
        return maker.make(root.op, inputs, {**explicit, flag: not root.attrs[flag]})[0]

    transposed = Op("Transpose", X, C)
    inputs = (transposed, Y) if position == 0 else (Y, transposed)
    pattern = Op("MatMul" if flag.startswith("transpose") else BATCH_PRODUCT, *inputs)
    return Rule(f"{flag}_in_product", pattern, replacement, (_swaps_last, not_complex))


def _stays(match: Match) -> bool:
    return same_shape(match["x"], match.root.outputs[0])


def _surely_stays(match: Match) -> bool:
    return match["x"].shape.is_fully_defined() and match["x"].shape == match.root.outputs[0].shape


def _takes_all(match: Match) -> bool:
    sizes, shape = match.array("d").ravel().tolist(), match["x"].shape
    return shape.rank == len(sizes) and all(s == -1 or s == d for s, d in zip(sizes, shape, strict=True))


def _whole(match: Match) -> bool:
    """`x[:]`, `x[:, :]`, ...: everything is masked out and every stride is 1."""
    attrs, strides = match.root.attrs, match.array("c")
    everything = (1 << strides.size) - 1
    special = attrs["ellipsis_mask"] | attrs["new_axis_mask"] | attrs["shrink_axis_mask"]
    covered = attrs["begin_mask"] & attrs["end_mask"] & everything == everything
    return covered and not special and bool((strides == 1).all())


def _reduces_nothing(match: Match) -> bool:
    shape = match["x"].shape
    if shape.rank is None or not match.root.attrs["keep_dims"]:
        return False
    return all(-shape.rank <= axis < shape.rank and shape[axis] == 1 for axis in match.array("c").ravel().tolist())


def _undone(match: Match) -> bool:
    rank = match.root.outputs[0].shape.rank
    dims = match.root.attrs["squeeze_dims"]
    return rank is not None and len(dims) == 1 and dims[0] % (rank + 1) == int(match.array("c").ravel()[0]) % (rank + 1)


def _unpacked(match: Match, maker: Maker) -> Sequence[Value] | None:
    del maker
    packed = match.nodes["packed"]
    return packed.inputs if packed.attrs["axis"] == match.root.attrs["axis"] else None


def _plain_cast(match: Match) -> bool:
    return not match.root.attrs["Truncate"] and not any(node.attrs["Truncate"] for node in match.nodes.values())


def _round_trip(match: Match) -> bool:
    source, middle = match["x"].dtype, match.nodes["inner"].outputs[0].dtype
    return match.root.outputs[0].dtype is source and holds(middle, source)


def _through_wider(match: Match) -> bool:
    """The dtype in the middle changes no value. Floats to integers are left: what happens out of range differs by type."""
    source, middle, target = match["x"].dtype, match.nodes["inner"].outputs[0].dtype, match.root.outputs[0].dtype
    exact = target.is_floating or (target.is_integer and middle.is_integer)
    return exact and not source.is_complex and holds(middle, source)


def _direct_cast(match: Match, maker: Maker) -> Value:
    return maker.make("Cast", [match["x"]], {"DstT": match.root.outputs[0].dtype})[0]


TRANSPOSES = (
    # transpose(x, (0, 1, ...)) -> x
    Rule("transpose_nothing", Op("Transpose", X, C), X, (_keeps_order,)),
    # transpose(transpose(x, p), q) -> transpose(x, p[q])
    Rule("transpose_twice", Op("Transpose", Op("Transpose", X, C), D), _composed),
    # matmul(transpose(x), y) -> matmul(x, y, transpose_a)
    _with_flag("transpose_a", 0),
    # matmul(y, transpose(x)) -> matmul(y, x, transpose_b)
    _with_flag("transpose_b", 1),
    # batch_matmul(transpose(x), y) -> batch_matmul(x, y, adj_x) of real numbers
    _with_flag("adj_x", 0),
    # batch_matmul(y, transpose(x)) -> batch_matmul(y, x, adj_y) of real numbers
    _with_flag("adj_y", 1),
)

RESHAPES = (
    # reshape(x, shape of x) -> x
    Rule("reshape_to_same", Op("Reshape", X, Y), X, (_stays,)),
    # reshape(x, shape(x)) -> x, of unknown shape too
    Rule("reshape_to_own", Op("Reshape|BroadcastTo", X, Op("Shape", X)), X),
    # reshape(reshape(x, s), t) -> reshape(x, t)
    Rule("reshape_twice", Op("Reshape", Op("Reshape|ExpandDims", X, Y), Z), Op("Reshape", X, Z)),
    # reshape(squeeze(x), t) -> reshape(x, t)
    Rule("reshape_squeezed", Op("Reshape", Op("Squeeze", X), Z), Op("Reshape", X, Z)),
    # squeeze(expand_dims(x, a), a) -> x
    Rule("squeeze_expanded", Op("Squeeze", Op("ExpandDims", X, C)), X, (_undone,)),
)

COPIES = (
    # broadcast_to(x, shape of x) -> x
    Rule("broadcast_to_same", Op("BroadcastTo", X, Y), X, (_surely_stays,)),
    # tile(x, 1) -> x
    Rule("tile_once", Op("Tile", X, Constant("c", ONE)), X),
    # pad(x, 0) -> x
    Rule("pad_nothing", Op("Pad|MirrorPad", X, Constant("c", ZERO)), X),
    # pad(x, 0, value) -> x
    Rule("pad_nothing_with", Op("PadV2", X, Constant("c", ZERO), Y), X),
    # slice(x, 0, all) -> x
    Rule("slice_all", Op("Slice", X, Constant("c", ZERO), D), X, (_takes_all,)),
    # x[:] -> x
    Rule("strided_slice_all", Op("StridedSlice", X, Y, Z, C), X, (_whole,)),
    # concat([x]) -> x
    Rule("concat_one", Op("ConcatV2", X, Y), X),
    # split(x, 1) -> x
    Rule("split_into_one", Op("Split", Y, X, num_split=1), X),
    # unpack(pack(x, y, ...)) -> x, y, ...
    Rule("unpack_packed", Op("Unpack", Op("Pack", name="packed")), _unpacked),
    # add_n(x) -> x
    Rule("add_one", Op("AddN", X), X),
    # add_n(x, y) -> add(x, y)
    Rule("add_two", Op("AddN", X, Y), Op("AddV2", X, Y)),
    # reverse(x, no axis) -> x
    Rule("reverse_nothing", Op("ReverseV2", X, Constant("c", empty)), X),
    # reverse(reverse(x, a), a) -> x
    Rule("reverse_twice", Op("ReverseV2", Op("ReverseV2", X, Y), Y), X),
    # max(x, no axis) -> x
    Rule("reduce_nothing", Op("All|Any|Max|Min|Prod", X, Constant("c", empty)), X),
    # max(x, axes of size 1, keep_dims) -> x
    Rule("reduce_one", Op("All|Any|Max|Min|Prod", X, C), X, (_reduces_nothing,)),
)

CASTS = (
    # cast(x, its dtype) -> x
    Rule("cast_to_same", Op("Cast", X), X, (lambda match: match["x"].dtype is match.root.outputs[0].dtype,)),
    # cast(cast(x, wider), dtype of x) -> x
    Rule("cast_back", Op("Cast", Op("Cast", X, name="inner")), X, (_plain_cast, _round_trip)),
    # cast(cast(x, wider), t) -> cast(x, t)
    Rule("cast_through", Op("Cast", Op("Cast", X, name="inner")), _direct_cast, (_plain_cast, _through_wider)),
)

RULES = (*TRANSPOSES, *RESHAPES, *COPIES, *CASTS)
