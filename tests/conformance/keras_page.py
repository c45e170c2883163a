"""The results of Keras's tests as docs/conformance.md."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Result = Mapping[str, Any]

GATE = ("ops", "layers", "losses", "metrics", "optimizers", "models", "trainers", "callbacks", "saving", "export")
"""The parts that the goal of 97 % is about."""
GOAL = 0.97

CAUSES = {
    r"limitation `replicas`|_reset_context|LogicalDeviceConfiguration": "several replicas (limitation `replicas`)",
    r"no module named 'torch'|No module named 'torch'": "the test needs PyTorch",
    r"tf2onnx|onnx": "ONNX export is not there",
    r"tensorflow\.lite|TFLiteConverter": "the TensorFlow Lite converter is not there yet",
    r"ValueError not raised": "TensorFlow refuses patches that are strided and dilated; Headrace gives them",
    r"fixture missing": "the wheel of Keras lacks a file that the test reads",
    r"'_serialize'": "type specs are not written as JSON (`_serialize`)",
    r"tensorflow\.compiler\.xla": "JaxLayer goes through jax2tf, JAX's way into TensorFlow's graphs, which is not there",
    r"load_function_aliases": "LoadOptions(experimental_load_function_aliases) is not there",
    r"Tuples differ: \(None, None, None\)": "a sparse tensor of unknown content has no static shape",
    r"jit_compile=True, but cannot be compiled": "a size is an argument: TensorFlow compiles for each value, Headrace refuses",
    r"ExtensionType": "tf.experimental.ExtensionType is not there",
}
"""What a failure's message says of its cause, by pattern."""


def results(folder: Path) -> dict[str, Result]:
    """What the runs found, by test; a later result of a test counts."""
    found: dict[str, Result] = {}
    for file in sorted(folder.glob("*.jsonl"), key=lambda f: f.stat().st_mtime):
        for line in file.read_text().splitlines():
            result = json.loads(line)
            found[result["id"]] = result
    return found


def note(folder: Path, test: str, message: str) -> None:
    """Writes down a failure that no process could."""
    with (folder / "noted.jsonl").open("a") as file:
        file.write(json.dumps({"id": test, "outcome": "failed", "seconds": 0.0, "message": message}) + "\n")


def cause(message: str) -> str:
    """The cause of a failure: a known one, or the last line of its message."""
    for pattern, known in CAUSES.items():
        if re.search(pattern, message):
            return known
    lines = [line for line in message.splitlines() if line.strip()]
    text = re.sub(r"0x[0-9a-f]+", "0x...", lines[0] if lines else "no message")
    text = re.sub(r"(?<![\w.])/(?:[^\s/]+/)+", "", text)  # files by their names: folders are this machine's
    return text.replace("|", "\\|")[:160]


def write(page: Path, baseline: Mapping[str, str], found: Mapping[str, Result], version: str, origin: str) -> int:
    """Writes the page, prints the table, and returns 1 where less than the goal passes; `origin` says whose results they are."""
    table = _table(baseline, found)
    failed: dict[str, list[str]] = defaultdict(list)
    for test, part in sorted(baseline.items()):
        if test in found and found[test]["outcome"] != "passed":
            message = found[test].get("message", found[test]["outcome"])
            failed[f"{part}: {cause(message)}"].append(test)
    lines = [
        "# Keras's own tests on Headrace",
        "",
        f"Keras {version} brings its tests with it. Those that pass on real TensorFlow 2.21 ran here on Headrace, with Keras's",
        "TensorFlow back end (`make conformance-keras` runs them and writes this page).",
        f"The results are of {origin}.",
        "",
        *table,
        "",
        "## What fails, with its cause",
        "",
    ]
    for reason, tests in sorted(failed.items(), key=lambda item: (-len(item[1]), item[0])):
        names = ", ".join(f"`{test.partition('::')[2].replace('::', '.')}`" for test in tests)
        lines.append(f"- {reason} ({len(tests)}): {names}")
    page.write_text("\n".join(lines) + "\n")
    print("\n".join(table))
    gated = [test for test, part in baseline.items() if part in GATE and test in found]
    passed = sum(found[test]["outcome"] == "passed" for test in gated)
    print(f"{passed} of {len(gated)} pass in the parts of the goal ({passed / max(len(gated), 1):.2%})")
    return int(passed < GOAL * len(gated))


def _table(baseline: Mapping[str, str], found: Mapping[str, Result]) -> list[str]:
    pass_on_tensorflow = Counter(baseline.values())
    run = Counter(part for test, part in baseline.items() if test in found)
    passed = Counter(part for test, part in baseline.items() if test in found and found[test]["outcome"] == "passed")
    rows = ["| part | pass on TensorFlow | run here | pass here | |", "| --- | ---: | ---: | ---: | ---: |"]
    for part, count in sorted(pass_on_tensorflow.items(), key=lambda item: -item[1]):
        share = f"{passed[part] / run[part]:.1%}" if run[part] else "not run"
        rows.append(f"| {part} | {count} | {run[part]} | {passed[part]} | {share} |")
    total, all_passed = sum(run.values()), sum(passed.values())
    rows.append(f"| all | {sum(pass_on_tensorflow.values())} | {total} | {all_passed} | {all_passed / max(total, 1):.1%} |")
    return rows
