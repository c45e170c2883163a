"""Documents of rules: what they say, and everything that is wrong with them at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.errors import InvalidArgumentError, NotFoundError
from headrace.serving.routing.rules import MAX_BYTES, Rollback, Shadow, Sticky, Variant, load, parse, parse_toml, to_document

WHOLE = """
[models.fashion]
salt = "spring"
sticky = { header = "x-user-id" }
allow_override = true
variants = [
  { name = "stable", label = "stable", weight = 90 },
  { name = "canary", version = 7, weight = 9.5 },
  { name = "dark", version = 8, weight = 0 },
]

[models.fashion.shadow]
variant = "dark"
percent = 5
absolute_tolerance = 0.01

[models.fashion.rollback]
variant = "canary"
baseline = "stable"
max_error_rate_increase = 0.02
max_latency_ratio = 2

[models."places and names"]
sticky = { input = "user" }
variants = [{ name = "all", version = 1, weight = 1 }]
"""

STABLE = {"name": "stable", "version": 1, "weight": 90}
CANARY = {"name": "canary", "version": 2, "weight": 10}


def rules_of(**changes: Any) -> dict[str, Any]:
    return {"models": {"m": {"variants": [STABLE, CANARY], **changes}}}


def refused(document: Any) -> str:
    with pytest.raises(InvalidArgumentError) as caught:
        parse(document)
    return caught.value.message


def test_what_a_file_says() -> None:
    rules = parse_toml(WHOLE.encode(), "traffic.toml")
    fashion = rules["fashion"]
    assert fashion.variants == (Variant("stable", 90.0, label="stable"), Variant("canary", 9.5, 7), Variant("dark", 0.0, 8))
    assert (fashion.salt, fashion.sticky, fashion.allow_override) == ("spring", Sticky("header", "x-user-id"), True)
    assert fashion.shadow == Shadow("dark", 5.0, absolute_tolerance=0.01)
    assert fashion.rollback == Rollback("canary", "stable", max_error_rate_increase=0.02, max_latency_ratio=2.0)
    places = rules["places and names"]
    assert (places.salt, places.sticky, places.allow_override) == ("places and names", Sticky("input", "user"), False)
    assert (places.shadow, places.rollback) == (None, None)


def test_the_example_of_the_documentation_is_one() -> None:
    page = (Path(__file__).parents[3] / "docs" / "serving_traffic.md").read_text()
    rules = parse_toml(page.split("```toml\n")[1].split("```")[0].encode(), "docs")["fashion"]
    assert rules.names == ["stable", "canary"]
    assert rules.rollback == Rollback("canary", "stable", 300, 100, 0.01, 2.0, 0.0, 0.999)
    assert rules.shadow == Shadow("canary", 5.0, 1e-5, 1e-3)


def test_rules_go_through_their_document_unchanged() -> None:
    rules = parse_toml(WHOLE.encode(), "traffic.toml")
    assert parse(to_document(rules)) == rules
    assert parse({}) == {}
    assert to_document({}) == {"models": {}}


def test_one_error_names_all_that_is_wrong() -> None:
    message = refused(
        {
            "model": {},
            "models": {
                "m": {
                    "variants": [
                        {"name": "a", "version": 1, "label": "x", "weight": 1},
                        {"name": "a", "version": -1, "weight": "ten"},
                        {"name": "b b", "label": "", "weight": float("nan"), "colour": "red"},
                    ],
                    "sticky": {"header": "User", "input": "user"},
                    "shadow": {"variant": "c", "percent": 101},
                },
                "n": {"variants": [], "salt": 3, "allow_override": "yes"},
            },
        }
    )
    for part in (
        "the document: has the unknown key 'model'; expected some of models",
        "models.m.variants 1: expected a version or a label, and not both",
        "models.m.variants 2: version is -1; expected a whole number from 0 to",
        "models.m.variants 2: weight is 'ten'; expected a number from 0 to 1e+09",
        "models.m.variants 3: has the unknown key 'colour'; expected some of label, name, version, weight",
        "models.m.variants 3: label is ''; expected text that matches",
        "models.m.variants 3: name is 'b b'; expected text that matches",
        "models.m.variants 3: weight is nan; expected a number",
        "models.m: variant 'a' is listed twice",
        "models.m.sticky: expected a header or an input, and not both",
        "models.m.shadow: variant is 'c'; expected one of a, a",
        "models.m.shadow: percent is 101; expected a number from 0 to 100",
        "models.n: variants has 0 entries; expected 1 to 16",
        "models.n: salt is 3; expected text that matches",
        "models.n: allow_override is 'yes'; expected true or false",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("document", "part"),
    [
        (3, "the document: is a number; expected a table"),
        ({"models": []}, "models: is a list; expected a table"),
        ({"models": {"m": 1}}, "models.m: is a number; expected a table"),
        (rules_of(variants={}), "variants is a table; expected a list of tables"),
        (rules_of(variants=[1]), "variants 1: is a number; expected a table"),
        (rules_of(variants=[STABLE] * 17), "variants has 17 entries; expected 1 to 16"),
        (rules_of(variants=[{**STABLE, "weight": 0}]), "no variant has a weight above 0"),
        (rules_of(variants=[{"version": 1}]), "name is missing; expected text"),
        (rules_of(variants=[{"version": 1}]), "weight is missing; expected a number"),
        (rules_of(variants=[{**STABLE, "version": True}]), "version is True; expected a whole number"),
        (rules_of(variants=[{**STABLE, "weight": 10**400}]), "weight is 1000"),
        (rules_of(sticky={}), "expected a header or an input"),
        (rules_of(sticky={"header": "X-User"}), "header is 'X-User'"),
        (rules_of(sticky={"header": "user-bin"}), "header is 'user-bin'"),
        (rules_of(shadow={}), "shadow: variant is missing"),
        (
            rules_of(variants=[STABLE, {**CANARY, "weight": 0}], shadow={"variant": "stable"}),
            "variant 'stable' would be the shadow of itself: no other one gets any requests",
        ),
        (rules_of(rollback={"variant": "canary", "baseline": "stable"}), "there is no limit; expected at least one of"),
        (
            rules_of(rollback={"variant": "canary", "baseline": "canary", "max_latency_ratio": 0.5}),
            "variant and baseline are both 'canary'; expected two",
        ),
        (rules_of(rollback={"variant": "canary", "baseline": "stable", "max_latency_ratio": 0.5}), "max_latency_ratio is 0.5"),
        (rules_of(rollback={"variant": "canary", "baseline": "stable", "min_requests": 1.5}), "min_requests is 1.5"),
    ],
)
def test_what_is_refused(document: Any, part: str) -> None:
    assert part in refused(document)


def test_many_faults_are_cut() -> None:
    message = refused({f"key{n}": 1 for n in range(50)})
    assert message.count("unknown key") == 20
    assert message.endswith("and 30 more")


def test_files_that_are_no_rules(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="cannot read the traffic rules"):
        load(tmp_path / "traffic.toml")
    with pytest.raises(InvalidArgumentError, match="traffic.toml is no TOML"):
        parse_toml(b"[models", "traffic.toml")
    with pytest.raises(InvalidArgumentError, match="traffic.toml is no TOML"):
        parse_toml(b"\xff", "traffic.toml")
    with pytest.raises(InvalidArgumentError, match=r"^traffic.toml: the document: has the unknown key 'x'"):
        parse_toml(b"x = 1", "traffic.toml")
    (tmp_path / "large").write_bytes(b"#" * (MAX_BYTES + 100))
    data = load(tmp_path / "large")
    assert len(data) == MAX_BYTES + 1
    with pytest.raises(InvalidArgumentError, match="is larger than 1048576 bytes"):
        parse_toml(data, "large")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["models", "m", "variants", "name", "weight", "version", "label", "sticky", "header", "shadow", "rollback"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_whatever_comes_is_read_or_refused(document: Any) -> None:
    try:
        rules = parse(document)
    except InvalidArgumentError:
        return
    assert parse(to_document(rules)) == rules
