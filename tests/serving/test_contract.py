"""Cases of TensorFlow Serving's own tests that no other test has, and the table of them all in docs/serving_contract.md."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace.core.errors import InvalidArgumentError, OpError
from headrace.core.spec import TensorSpec
from headrace.serving.engines.base import Signature
from headrace.serving.rest import decode, encode, paths
from headrace.serving.rest.errors import PathNotFoundError

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "serving_contract.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


@cache
def defined_in(file: str) -> set[str]:
    nodes = ast.walk(ast.parse((ROOT / file).read_text()))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_test_that_the_page_names_exists() -> None:
    assert len(NAMED) > 50
    assert [f"{file}::{name}" for file, name in NAMED if name not in defined_in(file)] == []


def test_every_fault_names_its_test() -> None:
    page = (ROOT / "docs" / "serving_faults.md").read_text()
    lines = [line for line in page.partition("## Faults that are tried")[2].splitlines() if line.startswith("| ")][1:]
    named = [re.search(r"`(tests/[\w/]+\.py)(?:::(\w+))?` \|$", line) for line in lines]
    assert len(named) > 15
    assert [line for line, found in zip(lines, named, strict=True) if found is None] == []
    assert [found[0] for found in named if found and found[2] not in (None, *defined_in(found[1]))] == []


def test_every_line_of_a_table_names_a_test() -> None:
    lines = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| Their case")]
    assert len(lines) > 40
    assert [line for line in lines if "::test_" not in line] == []


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("GET", "/v1/foo", "Malformed request: GET /v1/foo"),
        ("POST", "/v1/foo", "Malformed request"),
        ("GET", "/v1/models/debug/model_name", "Malformed request"),
        ("POST", "/v1/models", "Malformed request"),
        ("GET", "/v1/models/foo:predict", "Malformed request"),
        ("GET", "/v1/models/foo/version/50:predict", "Malformed request"),
        ("POST", "/v1/models/foo/version/50:regress", "Malformed request"),
        ("POST", "/v1/models/foo/versions/HELLO:regress", "Malformed request"),
        ("POST", f"/v1/models/foo/versions/{2**64 - 1}:regress", "Failed to convert version"),
        ("POST", "/v1/models/foo/metadata", "Malformed request"),
        ("POST", "/v1/models/foo/label/some_label:regress", "Malformed request"),
        ("POST", "/v1/models/foo/versions/50/labels/some_label:regress", "Malformed request"),
        ("POST", "/v1/models/foo/versions/some_label:regress", "Malformed request"),
    ],
)
def test_paths_that_the_api_has_not(method: str, path: str, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        paths.parse(method, path)
    for outside in ("/statuspage", "/index"):
        with pytest.raises(PathNotFoundError):
            paths.parse("GET", outside)


def row(integers: Any, strings: Any) -> dict[str, Any]:
    return {"int_tensor": integers, "str_tensor": strings}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row([[1, 2]], ["a"]), row([[[1, 2]]], ["b"])], "Expecting shape [1,2] but got: [1,1,2]"),
        ([row([[1, 2], [3, 4]], ["a"]), row([[1, 2]], ["b"])], "Expecting tensor size: 4 but got: 2"),
        ([row([[1, 2]], ["a"]), [1, 20]], "item 1 of 'instances' is a Array"),
    ],
)
def test_rows_that_do_not_agree(rows: list[Any], message: str) -> None:
    signature = Signature({"int_tensor": TensorSpec(None, "int32"), "str_tensor": TensorSpec(None, "string")}, {})
    with pytest.raises(OpError) as refused:
        decode.to_arrays(decode.parse(json.dumps({"instances": rows}).encode()), signature)
    assert message in refused.value.message


def test_floats_read_back_as_they_were() -> None:
    values = np.float32([[9000000, 999999, 0.5], [0.0003, 0.00003, 555557.5]])
    found = json.loads(encode.from_arrays({"y": values}, "row"))["predictions"]
    assert np.array_equal(np.float32(found), values)
    assert all(isinstance(number, float) for line in found for number in line)


def test_no_rows() -> None:
    assert encode.from_arrays({"y": np.zeros((0, 2), np.int32)}, "row") == b'{"predictions":[]}'
    outputs: dict[str, Any] = {"s": np.zeros((0, 1, 2), object), "f": np.zeros((0, 3, 4), np.float32)}
    assert encode.from_arrays(outputs, "row") == b'{"predictions":[]}'
    with pytest.raises(InvalidArgumentError, match="differ in their number of rows"):
        encode.from_arrays(outputs | {"f": np.zeros((1, 2), np.float32)}, "row")
