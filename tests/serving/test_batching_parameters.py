"""Batching parameters as people write them, and the flags."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from headrace.cli.main import main
from headrace.core.errors import InvalidArgumentError, NotFoundError
from headrace.serving.batching.options import FixedBatching
from headrace.serving.batching.parameters import read_parameters

EVERYTHING = """
# As in TensorFlow Serving's documentation.
max_batch_size { value: 128 }
batch_timeout_micros { value: 1500 }
max_enqueued_batches { value: 1000000 }
num_batch_threads { value: 8 }
thread_pool_name { value: "pool" }
allowed_batch_sizes: 8
allowed_batch_sizes : 64
pad_variable_length_inputs: true
enable_large_batch_splitting { value: true }
max_execution_batch_size { value: 64 }
"""


def parameters(tmp_path: Path, text: str) -> FixedBatching:
    file = tmp_path / "batching.pbtxt"
    file.write_text(text)
    return read_parameters(file)


def test_every_parameter_is_read(tmp_path: Path) -> None:
    assert parameters(tmp_path, EVERYTHING) == FixedBatching(
        max_batch_size=128,
        batch_timeout_micros=1500,
        max_enqueued_batches=1_000_000,
        num_batch_threads=8,
        thread_pool_name="pool",
        allowed_batch_sizes=(8, 64),
        pad_variable_length_inputs=True,
        enable_large_batch_splitting=True,
        max_execution_batch_size=64,
    )


def test_what_is_left_out_is_the_default(tmp_path: Path) -> None:
    found = parameters(tmp_path, "")
    assert found == FixedBatching()
    assert (found.max_batch_size, found.batch_timeout_micros, found.max_enqueued_batches) == (1000, 0, 10)
    assert parameters(tmp_path, "enable_large_batch_splitting { value: false }") == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_batch_size: 3", r"batching.pbtxt:1:\d+: .*expected a text of tensorflow.serving.BatchingParameters"),
        ("\nmaximum { value: 3 }", r"batching.pbtxt:2:1: .*maximum.*"),
        ("max_batch_size { value: 0 }", "batching.pbtxt: max_batch_size is 0; expected 1 or more"),
        ("max_batch_size { value: 4 } allowed_batch_sizes: 2", "batching.pbtxt: Last entry in allowed_batch_sizes must match"),
    ],
)
def test_a_file_that_is_wrong_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        parameters(tmp_path, text)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="cannot read .*none.pbtxt"):
        read_parameters(tmp_path / "none.pbtxt")


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--batching_parameters_file=x"], 2, "--batching_parameters_file is set without --enable_batching; set both or neither"),
        (["--enable_per_model_batching_parameters"], 2, "--enable_per_model_batching_parameters is set without --enable_batching"),
        (["--enable_batching=true", "--batching_parameters_file=nowhere"], 1, "cannot read nowhere"),
        (["--enable_batching", "--batching_max_batch_size=0"], 2, "0 is not in the range"),
        (["--response_cacheable=/serving_default"], 2, "names no model; expected such as fashion or fashion/serving_default"),
    ],
)
def test_wrong_flags_are_refused(tmp_path: Path, flags: list[str], code: int, message: str) -> None:
    result = CliRunner().invoke(main, ["serve", f"--model_base_path={tmp_path}", "--rest_api_port=auto", *flags])
    assert (result.exit_code, message in " ".join(result.output.split())) == (code, True), result.output
