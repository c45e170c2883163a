"""Platform files: what of them counts here, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from headrace.cli import serve
from headrace.cli.main import main
from headrace.core.errors import InvalidArgumentError
from headrace.serving.batching.options import FixedBatching
from headrace.serving.configuration.platforms import PlatformOptions, read_platforms
from headrace.serving.server import ModelServer, ServerOptions

ADAPTER = "tensorflow.serving.SavedModelBundleSourceAdapterConfig"


def write(folder: Path, legacy: str, adapter: str = ADAPTER, platform: str = "tensorflow") -> Path:
    """A platform file in the form that is handed around among TensorFlow Serving's users."""
    file = folder / "platform.config"
    file.write_text(f"""
platform_configs {{
  key: "{platform}"
  value {{
    source_adapter_config {{
      [type.googleapis.com/{adapter}] {{ {legacy} }}
    }}
  }}
}}
""")
    return file


def test_what_counts_is_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = read_platforms(
        write(
            tmp_path,
            'legacy_config { saved_model_tags: "serve" saved_model_tags: "gpu" enable_model_warmup: true'
            " model_warmup_options { num_request_iterations { value: 3 } }"
            " batching_parameters { max_batch_size { value: 8 } allowed_batch_sizes: 8 } }",
        )
    )
    assert (found.saved_model_tags, found.warm_up, found.warm_up_iterations) == (("serve", "gpu"), True, 3)
    assert found.batching.max_batch_size.value == 8
    assert not caplog.records


def test_what_has_no_counterpart_is_passed_over_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    legacy = "legacy_config { session_config { gpu_options { per_process_gpu_memory_fraction: 0.4 allow_growth: true } } }"
    assert read_platforms(write(tmp_path, legacy)) == PlatformOptions()
    (record,) = caplog.records
    assert record.getMessage().startswith("fields without a counterpart here are not used: ")
    assert "platform.config:6:" in record.getMessage()
    assert 'has no field named "session_config"' in record.getMessage()
    with_tags = legacy.replace("session_config", 'saved_model_tags: "train" session_config', 1)
    assert read_platforms(write(tmp_path, with_tags)).saved_model_tags == ("train",)


def test_an_empty_file_leaves_everything_to_the_flags(tmp_path: Path) -> None:
    (tmp_path / "platform.config").touch()
    assert read_platforms(tmp_path / "platform.config") == PlatformOptions()


@pytest.mark.parametrize(
    ("adapter", "platform", "legacy", "message"),
    [
        (ADAPTER, "caffe", "", "configures platform 'caffe'; expected 'tensorflow' only"),
        ("tensorflow.serving.SSLConfig", "tensorflow", "", f"with a tensorflow.serving.SSLConfig; expected a {ADAPTER}"),
        (ADAPTER, "tensorflow", "legacy_config {", "platform.config:"),
        (ADAPTER, "tensorflow", "legacy_config { saved_model_tags: 5 }", "Expected string"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, adapter: str, platform: str, legacy: str, message: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        read_platforms(write(tmp_path, legacy, adapter, platform))
    assert message in caught.value.message


def test_what_the_file_sets_wins_over_the_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[ServerOptions] = []

    def note(_: ModelServer, options: ServerOptions, **__: object) -> None:
        seen.append(options)

    monkeypatch.setattr(serve.ModelServer, "__init__", note)
    monkeypatch.setattr(serve.ModelServer, "run", lambda _: None)
    legacy = 'legacy_config { saved_model_tags: "train" batching_parameters { max_batch_size { value: 4 } } }'
    file = write(tmp_path, legacy)
    flags = ["serve", "--model_base_path=/m", "--rest_api_port=auto", "--saved_model_tags=serve", "--enable_batching"]
    for more in ([], [f"--platform_config_file={file}"]):
        result = CliRunner().invoke(main, [*flags, *more])
        assert result.exit_code == 0, result.output
    without, with_file = seen
    assert (without.saved_model_tags, with_file.saved_model_tags) == (("serve",), ("train",))
    assert without.batching is not None
    assert not isinstance(without.batching.scheme, FixedBatching)
    assert with_file.batching is not None
    assert with_file.batching.scheme == FixedBatching(max_batch_size=4)
    write(tmp_path, "legacy_config { batching_parameters { max_batch_size { value: -4 } } }")
    result = CliRunner().invoke(main, [*flags, f"--platform_config_file={file}"])
    assert result.exit_code == 1
    assert f"Error: {file}: max_batch_size is -4; expected 1 or more" in result.output
