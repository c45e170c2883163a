"""What the page's scripts compute, run in the browser: splits, examples, JSON as text, and numbers for people."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.console.site import Site

pytestmark = pytest.mark.interop

IN_BROWSER = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


def call(site: Site, script: str, function: str, *arguments: Any) -> Any:
    """What a function of a script gives."""
    values = ", ".join(json.dumps(argument) for argument in arguments)
    return site.page.evaluate(f"import('{site.admin}/console/{script}').then((script) => script.{function}({values}))")


@pytest.fixture(autouse=True)
def page(site: Site) -> None:
    if not str(site.page.evaluate("location.href")).startswith(site.admin):
        site.page.go(site.admin)


@IN_BROWSER
@given(st.lists(st.integers(0, 100), min_size=2, max_size=6), st.data())
def test_a_split_always_comes_to_a_hundred(site: Site, weights: list[int], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(weights) - 1))
    wanted = data.draw(st.floats(0, 100))
    before = call(site, "split.js", "shares", weights)
    after = call(site, "split.js", "moved", before, at, wanted)
    assert sum(after) == pytest.approx(100, abs=1e-9)
    assert after[at] == pytest.approx(wanted, abs=0.006)
    assert all(-1e-9 <= share <= 100 for share in after)


def test_the_others_keep_their_proportions(site: Site) -> None:
    assert call(site, "split.js", "moved", [60, 30, 10], 2, 40) == [40, 20, 40]
    assert call(site, "split.js", "moved", [100, 0], 0, 30) == [30, 70]


@IN_BROWSER
@given(
    st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12)
)
def test_json_is_indented_and_nothing_of_it_is_changed(site: Site, value: Any) -> None:
    text = json.dumps(value)
    found = call(site, "jsontext.js", "indented", text)
    assert json.loads(found) == value
    assert found.replace(" ", "").replace("\n", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"outputs":[9007199254740993,NaN,-Infinity]}', '{\n  "outputs": [9007199254740993, NaN, -Infinity]\n}'),
        ("[[1,2],[3]]", "[\n  [1, 2],\n  [3]\n]"),
        ("{}", "{}"),
        ('{"error": "cut', '{"error": "cut'),
        ("[1,,2]", "[1,,2]"),
        ("no JSON at all", "no JSON at all"),
        ("[" * 500, "[" * 500),
    ],
)
def test_json_as_text(site: Site, text: str, expected: str) -> None:
    assert call(site, "jsontext.js", "indented", text) == expected


def tensor(dtype: str, shape: list[int] | None) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape}


@pytest.mark.parametrize(
    ("inputs", "rows", "expected"),
    [
        ({"x": tensor("float32", [-1, 2])}, True, {"instances": [[0.5, 0.5]]}),
        ({"x": tensor("float32", [-1, 2])}, False, {"inputs": {"x": [[0.5, 0.5]]}}),
        ({"a": tensor("int64", [-1]), "b": tensor("bool", [-1, -1])}, True, {"instances": [{"a": 0, "b": [False]}]}),
        ({"s": tensor("string", None)}, False, {"inputs": {"s": ["text"]}}),
        ({"n": tensor("bfloat16", [])}, False, {"inputs": {"n": 0.5}}),
        ({"e": tensor("uint8", [0, 3])}, False, {"inputs": {"e": []}}),
        ({"__proto__": tensor("uint8", [1])}, False, {"inputs": {"__proto__": [0]}}),
    ],
)
def test_examples(site: Site, inputs: dict[str, Any], rows: bool, expected: dict[str, Any]) -> None:
    text = site.page.evaluate(
        f"Promise.all([import('{site.admin}/console/example.js'), import('{site.admin}/console/api.js')])"
        f".then(([example, api]) => example.example('s', api.parsed({json.dumps(json.dumps(inputs))}), {json.dumps(rows)}))"
    )
    assert json.loads(text) == {"signature_name": "s", **expected}


@pytest.mark.parametrize(
    ("function", "value", "expected"),
    [
        ("rate", 0, "0"),
        ("rate", 0.004, "<0.01"),
        ("rate", 0.25, "0.25"),
        ("rate", 9.94, "9.9"),
        ("rate", 1234.4, "1 234"),
        ("rate", 123456, "123 k"),
        ("rate", None, "–"),
        ("milliseconds", 0.123, "0.12 ms"),
        ("milliseconds", 12.34, "12.3 ms"),
        ("milliseconds", 1234, "1.23 s"),
        ("percent", 0, "0 %"),
        ("percent", 0.0123, "1.23 %"),
        ("percent", 0.5, "50.0 %"),
        ("percent", 0.00001, "<0.01 %"),
        ("weight", 0.125, "12.5 %"),
        ("duration", 0.2, "0 s"),
        ("duration", 59, "59 s"),
        ("duration", 3725, "1 h 2 min"),
        ("duration", 90061, "1 d 1 h"),
        ("significant", 0.012, "0.012"),
        ("significant", 1234567, "1.23e+6"),
    ],
)
def test_numbers_for_people(site: Site, function: str, value: float | None, expected: str) -> None:
    assert call(site, "format.js", function, value).replace("\u202f", " ") == expected
