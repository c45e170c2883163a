"""What the flags and the policy's file say about model hubs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from headrace.cli.mirror.models import hub_flags, model_options
from headrace.core.errors import InvalidArgumentError
from headrace.mirror.options import ModelOptions
from headrace.mirror.policy.models import ModelPolicy
from headrace.mirror.policy.reading import read_policy


def options(*flags: str) -> ModelOptions:
    """What a command makes of these flags."""

    @click.command()
    @hub_flags
    def command(**given: Any) -> ModelOptions:
        return model_options(given, (1.0, 2.0, 3.0))

    found: ModelOptions = command.main(flags, standalone_mode=False)
    return found


def test_flags(tmp_path: Path) -> None:
    assert options() == ModelOptions()
    token, pins = tmp_path / "token", tmp_path / "pins.toml"
    token.write_text("hf_secret\n")
    pins.write_text(f'[pins]\n"acme/small/2" = "{"a" * 64}"\n')
    found = options(
        "--hf_upstream=http://hub.example",
        f"--hf_token_file={token}",
        "--hub_private_addresses",
        "--tfhub_upstream=http://tf.example/models",
        f"--tfhub_pins={pins}",
        "--tfhub_pinned_only",
        "--tfhub_bucket=gs://bucket/x",
        "--oci_upstream=https://registry.example",
    )
    assert found.oci is not None
    assert (found.oci.name, found.oci.url) == ("oci", "https://registry.example")
    assert found.huggingface is not None
    assert (found.huggingface.name, found.huggingface.url, found.huggingface.private_addresses) == (
        "huggingface",
        "http://hub.example",
        True,
    )
    assert (found.huggingface.fresh_seconds, found.huggingface.revalidate_seconds, found.huggingface.error_seconds) == (1, 2, 3)
    assert found.huggingface_token == "hf_secret"
    assert "hf_secret" not in repr(found)
    assert found.tfhub is not None
    assert (found.tfhub.url, found.tfhub_pins) == ("http://tf.example/models", {"acme/small/2": "a" * 64})
    assert (found.tfhub_pinned_only, found.tfhub_bucket) == (True, "gs://bucket/x")
    with pytest.raises(click.UsageError, match="is no bucket"):
        options("--tfhub_bucket=http://x")


def test_a_policys_table(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text('[models]\ndeny = ["Evil/*"]\nlicences = ["MIT"]\ndeny_gated = true\ndeny_files = ["*.pkl"]\n')
    policy = read_policy(path).models
    assert policy == ModelPolicy(deny=("Evil/*",), licences=("MIT",), deny_gated=True, deny_files=("*.pkl",))
    assert "models.deny 'Evil/*'" in str(policy.judge_name("evil/model"))
    assert policy.judge_tags("acme/model", ["license:mit"], gated=False) is None
    assert policy.judge_file("a/B.PKL") is not None
    path.write_text('[models]\nallow = "acme/*"\ndeny_gated = 1\nlicenses = []\n')
    with pytest.raises(InvalidArgumentError) as error:
        read_policy(path)
    for mistake in ("'models.allow'", "'models.deny_gated' is 1; expected true or false", "'models.licenses' is not known"):
        assert mistake in error.value.message
