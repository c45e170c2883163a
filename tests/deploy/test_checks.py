"""What names, numbers and flags may look like, and the texts that refuse them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from headrace.core.errors import InvalidArgumentError
from headrace.deploy import checks
from headrace.deploy.models import checked_list, model_list

DIGEST = "@sha256:" + "0a" * 32


@pytest.mark.parametrize(
    "value",
    [
        "a:1",
        "headrace:0.1.0",
        "registry.example/team/headrace:v1",
        "localhost:5000/a/b_c:1.0-rc1",
        f"a{DIGEST}",
        f"h.example/a:1{DIGEST}",
    ],
)
def test_images_that_are_taken(value: str) -> None:
    assert checks.image(value) == value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("headrace", "another one tomorrow"),
        ("headrace:latest", "tag other than latest"),
        ("registry.example:5000/headrace", "another one tomorrow"),
        ("Head/race:1", "expected"),
        ("a b:1", "expected"),
        ("a:1\n", "expected"),
        ("a@sha256:123", "expected"),
        ("../a:1", "expected"),
        ("", "expected"),
        ("a" * 500 + ":1", "expected"),
    ],
)
def test_images_that_are_refused(value: str, words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        checks.image(value)


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (checks.dns_label, ["a", "a-1"], ["", "-a", "a-", "1a", "A", "a.b", "a_b", "a" * 64, "a\n"]),
        (checks.dns_name, ["a", "1.b-c", "a" * 253], ["", ".a", "a.", "a..b", "A", "a" * 254, "a\n"]),
        (checks.quantity, ["1", "500m", "1.5Gi", "0.5"], ["", "0", "0m", "-1", "1 Gi", "1gi", "1e3", "Gi", "1\n"]),
        (checks.duration, ["15s", "1m", "500ms"], ["", "0s", "15", "1d", "-1s", "15s\n"]),
        (checks.path, ["/a", "/a/b-c.d/e_1"], ["", "/", "a", "/a/", "/a/../b", "/a//b", "/a b", "/a\n", "/./a", '/a"']),
    ],
)
def test_forms(check: Callable[[str, str], str], good: list[str], bad: list[str]) -> None:
    for value in good:
        assert check("it", value) == value
    for value in bad:
        with pytest.raises(InvalidArgumentError, match="it is .*; expected"):
            check("it", value)


def test_flags() -> None:
    assert checks.server_flags(["--enable_batching", "--a=b c"], {"port"}) == ("--enable_batching", "--a=b c")
    for flag in ("port", "-p", "--", "--A", "--a=\n", "--a b"):
        with pytest.raises(InvalidArgumentError, match="is no flag"):
            checks.server_flags([flag], set())
    with pytest.raises(InvalidArgumentError, match="--rest_api_port is decided"):
        checks.server_flags(["--rest-api-port=1"], {"rest_api_port"})


def test_lists_of_models() -> None:
    assert model_list(["a", "b=x/y"], "/models") == (
        'model_config_list {\n  config { name: "a" base_path: "/models/a" model_platform: "tensorflow" }\n'
        '  config { name: "b" base_path: "/models/x/y" model_platform: "tensorflow" }\n}\n'
    )


@pytest.mark.parametrize(
    ("models", "words"),
    [
        ([], "no model to serve"),
        (["a", "a=b"], "given twice"),
        (['a"'], "is called"),
        (["=a"], "is called"),
        (["a=../b"], "expected a path below"),
        (["a=/b"], "expected a path below"),
        (["a=b/.hidden"], "expected a path below"),
        (["a=b\n"], "expected a path below"),
    ],
)
def test_lists_of_models_that_are_refused(models: list[str], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        model_list(models, "/models")


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="is empty"):
        checked_list(" \n")
