"""Configuration files: read, checked as a whole, refused with what was given and what was expected."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.errors import InvalidArgumentError, NotFoundError, OpError, PermissionDeniedError, UnimplementedError
from headrace.proto.messages import POOL
from headrace.proto.serving import ModelServerConfig, MonitoringConfig, SSLConfig
from headrace.serving.configuration import text
from headrace.serving.configuration.model_list import ModelConfig, check_platforms, read_models, single
from headrace.serving.configuration.monitoring import metrics_path
from headrace.serving.storage import All, Latest, Specific

TWO_MODELS = """
# Two models.
model_config_list {
  config {
    name: "first", base_path: '/models/first'
    model_platform: "tensorflow"
    model_version_policy { specific { versions: 3 versions: 5 } }
    version_labels { key: "stable" value: 3 }
    version_labels { key: "canary" value: 5 }
  }
  config: { name: "second" base_path: "/models/second" model_platform: "tensorflow" }
}
"""


def config(body: str) -> Any:
    """A ModelServerConfig of one model, `m`, whose other fields are given."""
    return parse(f'model_config_list {{ config {{ name: "m" {body} }} }}')


def parse(body: str) -> Any:
    return text.parse(body.encode(), ModelServerConfig, "models.config")


def test_a_list_of_models_is_read() -> None:
    assert read_models(parse(TWO_MODELS)) == (
        ModelConfig("first", Path("/models/first"), "tensorflow", Specific(frozenset({3, 5})), {"stable": 3, "canary": 5}),
        ModelConfig("second", Path("/models/second"), "tensorflow", Latest(1), {}),
    )


def test_a_file_that_is_half_written_is_never_another_list() -> None:
    """What a look may find while an editor writes: it is refused, or it says nothing, which no list gives way to."""
    whole = parse(TWO_MODELS)
    for length in range(len(TWO_MODELS)):
        try:
            found = parse(TWO_MODELS[:length])
        except InvalidArgumentError:
            continue
        assert found.WhichOneof("config") is None or found == whole, TWO_MODELS[:length]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("", Latest(1)),
        ("model_version_policy {}", Latest(1)),
        ("model_version_policy { latest {} }", Latest(1)),
        ("model_version_policy { latest { num_versions: 4 } }", Latest(4)),
        ("model_version_policy { all {} }", All()),
        ("model_version_policy { specific { versions: [7, 9, 7] } }", Specific(frozenset({7, 9}))),
    ],
)
def test_version_policies(policy: str, expected: Any) -> None:
    (model,) = read_models(config(f'base_path: "/b" model_platform: "tensorflow" {policy}'))
    assert model.policy == expected


def test_what_policies_choose() -> None:
    assert All().choose([3, 1, 2]) == {1, 2, 3}
    assert All().choose([]) == set()
    assert Specific(frozenset({2, 9})).choose([1, 2, 3]) == {2}


def test_the_old_model_type_names_a_platform() -> None:
    (model,) = read_models(config('base_path: "/b" model_type: TENSORFLOW'))
    assert model.platform == "tensorflow"


def test_the_config_of_one_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (model,) = read_models(single("m", Path("exports")))
    assert model == ModelConfig("m", tmp_path / "exports")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('config { base_path: "/b" model_platform: "tensorflow" }', "model 1 of the config list has no name; give each a name"),
        (
            'config { name: "a" base_path: "/b" model_platform: "tensorflow" }'
            ' config { name: "a" base_path: "/c" model_platform: "tensorflow" }',
            "Illegal to list model a multiple times in config list",
        ),
        (
            'config { name: "a" base_path: "relative" model_platform: "tensorflow" }',
            "Expected model a to have an absolute path or URI; got base_path()=relative",
        ),
        ('config { name: "a" model_platform: "tensorflow" }', "Expected model a to have an absolute path or URI; got base_path()="),
        ('config { name: "a" base_path: "gs://b/c" model_platform: "tensorflow" }', "'gs://b/c'; expected a path of this machine"),
        ('config { name: "a" base_path: "/b\\000" model_platform: "tensorflow" }', "a zero byte"),
        ('config { name: "a" base_path: "/b" }', "Illegal setting neither model_type (deprecated) nor model_platform of model a"),
        (
            'config { name: "a" base_path: "/b" model_platform: "tensorflow" model_type: TENSORFLOW }',
            "Illegal setting both model_type (deprecated) and model_platform of model a; leave out model_type",
        ),
        (
            'config { name: "a" base_path: "/b" model_platform: "caffe" }',
            "Model a requests unsupported platform caffe; expected one of tensorflow",
        ),
        ('config { name: "a" base_path: "/b" model_type: OTHER }', "unsupported platform other"),
        (
            'config { name: "a" base_path: "/b" model_platform: "tensorflow" model_version_policy { specific {} } }',
            "specific with versions []; expected at least one",
        ),
        (
            'config { name: "a" base_path: "/b" model_platform: "tensorflow" model_version_policy { specific { versions: -1 } } }',
            "specific with versions [-1]; expected at least one, none below 0",
        ),
        (
            'config { name: "a" base_path: "/b" model_platform: "tensorflow" version_labels { key: "x" value: -2 } }',
            'model a has the label "x" for version -2',
        ),
        (
            'config { name: "a" base_path: "/b" model_platform: "tensorflow" version_labels { value: 2 } }',
            'model a has the label "" for version 2',
        ),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(body: str, message: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        read_models(parse(f"model_config_list {{ {body} }}"))
    assert message in caught.value.message


def test_a_custom_config_is_refused() -> None:
    custom = parse('custom_model_config { type_url: "type.googleapis.com/x.Y" value: "abc" }')
    with pytest.raises(UnimplementedError, match=r"custom_model_config is not supported; list the models in model_config_list"):
        read_models(custom)


def test_a_platform_may_not_change() -> None:
    old = {"a": ModelConfig("a", Path("/b"), "tensorflow")}
    with pytest.raises(InvalidArgumentError) as caught:
        check_platforms(old, [ModelConfig("a", Path("/b"), "onnx")])
    assert caught.value.message == (
        "Illegal to change a model's platform. For model a platform was tensorflow and new platform requested is onnx"
    )
    check_platforms(old, [ModelConfig("b", Path("/b"), "onnx")])


@pytest.mark.parametrize(
    ("content", "place", "message"),
    [
        ('model_config_list {\n  config {\n    nam: "a"\n  }\n}\n', ":3:5: ", 'has no field named "nam"'),
        ("model_config_list {\n", ":1:19: ", 'Expected "}"'),
        ("model_config_list { config { name: 5 } }", ":1:36: ", "Expected string"),
        ('model_config_list { config { name: "a" name: "b" } }', ":1:", "should not have multiple"),
        ("model_config_list {} custom_model_config {}", ":1:", "config"),
        ("{", ":1:1: ", "Expected identifier"),
    ],
)
def test_a_text_with_a_mistake_is_named_by_line_and_column(tmp_path: Path, content: str, place: str, message: str) -> None:
    file = tmp_path / "models.config"
    file.write_text(content)
    with pytest.raises(InvalidArgumentError) as caught:
        text.read(file, ModelServerConfig)
    assert caught.value.message.startswith(f"{file}{place}"), caught.value.message
    assert message in caught.value.message
    assert caught.value.message.endswith("expected a text of tensorflow.serving.ModelServerConfig")


def test_files_of_windows_editors_are_read(tmp_path: Path) -> None:
    (tmp_path / "models").write_bytes(b"\xef\xbb\xbf" + TWO_MODELS.replace("\n", "\r\n").encode())
    assert text.read(tmp_path / "models", ModelServerConfig) == parse(TWO_MODELS)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"cannot read .*nothing: No such file or directory; expected a readable file"):
        text.read(tmp_path / "nothing", ModelServerConfig)
    with pytest.raises(OpError, match=r"cannot read .*: Is a directory"):
        text.read(tmp_path, ModelServerConfig)
    (tmp_path / "latin").write_bytes(b'model_config_list { config { name: "\xe9" } }')
    with pytest.raises(InvalidArgumentError, match=r"latin is not UTF-8 at byte 36"):
        text.read(tmp_path / "latin", ModelServerConfig)


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="the superuser may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    (tmp_path / "secret").touch(mode=0)
    with pytest.raises(PermissionDeniedError):
        text.read(tmp_path / "secret", ModelServerConfig)


def test_the_size_and_the_depth_of_a_text_are_bounded(tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(b"#" * (text.MAX_BYTES + 1))
    with pytest.raises(InvalidArgumentError, match=r"large is longer than 8388608 bytes"):
        text.read(file, ModelServerConfig)
    deep = "custom_model_config { [type.googleapis.com/tensorflow.FeatureLists] { " + "a { " * 100_000
    with pytest.raises(InvalidArgumentError):
        parse(deep)
    nested = "[type.googleapis.com/tensorflow.AttrValue] { " + "func { attr { value { " * 5_000
    with pytest.raises(InvalidArgumentError):
        parse("custom_model_config { " + nested)


@given(st.text(alphabet="model_cnfigst {}:\"'\\/#<>[]0123456789\n,;-", max_size=200) | st.binary(max_size=100))
def test_no_text_whatever_gets_past_as_another_error(content: str | bytes) -> None:
    try:
        read_models(text.parse(content if isinstance(content, bytes) else content.encode(), ModelServerConfig, "f"))
    except OpError as error:
        assert error.code in ("INVALID_ARGUMENT", "UNIMPLEMENTED")


def test_request_logging_is_said_to_be_unused(caplog: pytest.LogCaptureFixture) -> None:
    body = 'base_path: "/b" model_platform: "tensorflow" logging_config { sampling_config { sampling_rate: 0.5 } }'
    read_models(config(body))
    assert any(
        "logging_config is not used: requests are logged where --request_log_directory says" in record.getMessage()
        for record in caplog.records
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("prometheus_config { enable: true }", "/monitoring/prometheus/metrics"),
        ('prometheus_config { enable: true path: "/metrics" }', "/metrics"),
        ('prometheus_config { path: "/metrics" }', None),
        ("", None),
    ],
)
def test_monitoring(tmp_path: Path, content: str, expected: str | None) -> None:
    (tmp_path / "monitoring").write_text(content)
    assert metrics_path(tmp_path / "monitoring") == expected


def test_a_metrics_path_without_a_slash_is_refused(tmp_path: Path) -> None:
    (tmp_path / "monitoring").write_text('prometheus_config { enable: true path: "metrics" }')
    with pytest.raises(InvalidArgumentError, match=r"has path 'metrics'; expected one that begins with a slash"):
        metrics_path(tmp_path / "monitoring")


@pytest.mark.parametrize("kind", [ModelServerConfig, MonitoringConfig, SSLConfig])
def test_messages_survive_their_own_text(kind: Any) -> None:
    message = kind()
    if kind is ModelServerConfig:
        text_format.Parse(TWO_MODELS, message, descriptor_pool=POOL)
    assert text.parse(text_format.MessageToString(message).encode(), kind, "f") == message
