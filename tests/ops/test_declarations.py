"""Every declared op against TensorFlow's own declaration of it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.shapes import TensorShape
from headrace.dispatch import opdef
from headrace.dispatch.opdef import REQUIRED, Arg, AttrDef
from tests.ops.conftest import Ask

NAMES = sorted(name for name, definition in opdef.registered().items() if definition.exportable)
COMPARED = {d.name for d in (*dtypes.NUMERIC, dtypes.bool_, dtypes.string)}
"""The dtypes that ops must admit exactly where TensorFlow does; the rarer ones are left to each op."""
ALIASES = {"half": "float16", "double": "float64", "float": "float32"}


@pytest.fixture(scope="module")
def declarations(ask: Ask) -> dict[str, Any]:
    """TensorFlow's declarations by op name."""
    answer: dict[str, Any] = ask({"describe": NAMES})["ops"]
    return answer


def _type_name(name: str) -> str:
    return ALIASES.get(name, name)


def _argument(arg: Arg) -> dict[str, str]:
    return {
        "name": arg.name,
        "dtype": arg.dtype.name if arg.dtype else "",
        "type_attr": arg.type_attr,
        "number_attr": arg.number_attr,
        "type_list_attr": arg.type_list_attr,
    }


def _default(attr: AttrDef, definition: opdef.OpDef) -> Any:
    value = attr.default if attr.implied else definition._canonical_value(attr, attr.default)
    if isinstance(value, DType):
        return value.name
    if isinstance(value, TensorShape):
        return None if value.rank is None else [-1 if d is None else d for d in value]
    if isinstance(value, tuple):
        return [item.name if isinstance(item, DType) else item for item in value]
    return value


@pytest.mark.interop
@pytest.mark.parametrize("name", NAMES)
def test_declaration(name: str, declarations: dict[str, Any]) -> None:
    ours, theirs = opdef.get(name), declarations[name]
    assert theirs is not None, f"TensorFlow has no op {name}; declare it with exportable=False"
    for kind, arguments in (("inputs", ours.inputs), ("outputs", ours.outputs)):
        expected = [item | {"dtype": _type_name(item["dtype"])} for item in theirs[kind]]
        assert [_argument(a) for a in arguments] == expected, kind
    assert sorted(ours.attrs) == sorted(theirs["attrs"])
    for attr_name, attr in ours.attrs.items():
        _compare_attr(ours, attr, theirs["attrs"][attr_name])


def _compare_attr(definition: opdef.OpDef, attr: AttrDef, expected: dict[str, Any]) -> None:
    assert attr.kind == expected["kind"], attr.name
    if not attr.implied:
        assert (attr.default is REQUIRED) == expected["required"], f"{attr.name}: default"
        if not expected["required"]:
            default, wanted = _default(attr, definition), expected["default"]
            if attr.kind == "type":
                wanted = _type_name(wanted)
            elif attr.kind == "list(type)":
                wanted = [_type_name(_name_of(item)) for item in wanted]
            if isinstance(wanted, float):
                assert math.isclose(default, wanted, rel_tol=1e-6), f"{attr.name}: default"
            elif attr.kind == "list(float)":
                assert default == pytest.approx(wanted, rel=1e-6), f"{attr.name}: default"
            else:
                assert default == wanted, f"{attr.name}: default"
    allowed = {d.name for d in attr.allowed or dtypes.ALL} & COMPARED
    wanted_types = {_type_name(t) for t in expected["allowed"]} or {d.name for d in dtypes.ALL}
    if attr.kind in ("type", "list(type)") and (attr.name[0].isupper() or attr.name == "dtype"):
        assert allowed == wanted_types & COMPARED, f"{attr.name}: dtypes"


def _name_of(number: int) -> str:
    return dtypes.as_dtype(number).name
