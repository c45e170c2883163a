"""Runs under OpenVINO: reads a SavedModel and prints what it computes as JSON."""

from __future__ import annotations

import json
import sys

import numpy as np
import openvino


def main(folder: str, feeds_file: str) -> dict[str, object]:
    model = openvino.Core().read_model(folder)
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    results = compiled(dict(np.load(feeds_file)))
    return {name: value.tolist() for output, value in results.items() for name in output.get_names()}


if __name__ == "__main__":
    document = main(*sys.argv[1:])
    print()
    print(json.dumps(document))
