"""YAML that is written: its form, and that PyYAML reads what was meant."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest

from headrace.core.yaml import dump
from tests.interop.environments import ensure
from tests.interop.peer_runs import run_peer

CHARACTERS = "ab \n\t#:-'\"{}[]%&*!|>é0.1~,?@`yn=<"
ODD = """
yes No null ~ 1 1.0 0x1 1e3 2020-01-01 12:30:45 = << .inf on - --- ... | > 0o7 +1 .5 _1 /a {} [] {a} true y N
NaN %a @a `a !a &a *a
""".split()  # noqa: SIM905  a list of so many short strings reads worse
ODD += [
    "",
    " ",
    "a: b",
    "a #b",
    "- x",
    "? x",
    "a\nb",
    "a\n\nb\n",
    "  a\nb",
    "a\n b\n",
    "a\n",
    "\na",
    "a ",
    "a\n\n",
    "#a\nb",
    "a\n \nb",
]


def _value(source: random.Random, depth: int) -> Any:
    kind = source.randrange(10 if depth else 7)
    if kind < 4:
        return "".join(source.choices(CHARACTERS, k=source.randrange(8)))
    if kind < 7:
        return source.choice([0, 1, -5, 10**20, 0.5, 1e-7, 1e22, 3.0, -1.5e300, None, True, False])
    items = [_value(source, depth - 1) for _ in range(source.randrange(4))]
    return {"".join(source.choices(CHARACTERS, k=3)): item for item in items} if kind < 9 else items


def test_it_reads_well() -> None:
    value = {"name": "a b", "on": True, "list": [{"x": 1, "y": ["z", []]}, 'say "hi"'], "text": "one\n  two\n", "none": {}}
    assert dump(value, [1]) == (
        'name: a b\n"on": true\nlist:\n- x: 1\n  "y":\n  - z\n  - []\n- \'say "hi"\'\ntext: |\n  one\n    two\nnone: {}\n---\n- 1\n'
    )


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_numbers_that_json_does_not_have_are_refused(number: float) -> None:
    with pytest.raises(ValueError, match="expected a finite number"):
        dump({"a": number})


@pytest.mark.interop
def test_pyyaml_reads_what_was_written(tmp_path: Path) -> None:
    source = random.Random(7)
    values = [_value(source, 4) for _ in range(3000)] + [{word: word, "in": [word, [word]]} for word in ODD]
    pairs = tmp_path / "pairs.json"
    pairs.write_text(json.dumps([[value, dump(value)] for value in values]))
    assert run_peer(ensure("kubernetes-validate"), "yaml_texts.py", pairs) == []
