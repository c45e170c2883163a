"""Lists of projects and versions, kinds of files, yanked files."""

from __future__ import annotations

import pytest

from headrace.core.errors import InvalidArgumentError
from headrace.mirror.policy.candidates import candidate, version_text
from headrace.mirror.policy.reading import parse_policy
from headrace.mirror.policy.rules import Policy, selector
from tests.mirror.policy.judging import Judging, file, refused


@pytest.mark.parametrize(
    ("project", "name", "version"),
    [
        ("demo", "demo-1.0-py3-none-any.whl", "1.0"),
        ("demo", "demo-1.0-1-cp311-cp311-manylinux_2_17_x86_64.whl", "1.0"),
        ("torch", "torch-2.0.1+cu118-cp311-cp311-linux_x86_64.whl", "2.0.1+cu118"),
        ("demo-part", "demo-part-1.0rc1.tar.gz", "1.0rc1"),
        ("demo-part", "Demo.Part-1.0.post1.zip", "1.0.post1"),
        ("demo-3", "demo-3-2.0.tar.bz2", "2.0"),
        ("demo", "demo-1.0.win-amd64-py2.7.exe", "1.0.win"),
        ("demo", "demo-1.0-py2.7.egg", "1.0"),
        ("demo", "other.tar.gz", ""),
        ("demo", "demo.whl", ""),
    ],
)
def test_versions_of_file_names(project: str, name: str, version: str) -> None:
    assert version_text(project, name) == version


def test_what_has_no_version() -> None:
    assert candidate("demo", file("demo-1.0.win-amd64-py2.7.exe")).version is None


def test_versions_that_are_denied(judging: Judging) -> None:
    judge = judging({"deny": ["demo<2", "demo-*>=3,<4", "other"]})
    assert "is denied by this mirror's policy (deny 'demo<2')" in refused(judge, "demo", "demo-1.9-py3-none-any.whl")
    for version in ("2.0", "2.0rc1"):  # PEP 440: release candidates of 2 are not <2
        assert refused(judge, "demo", f"demo-{version}-py3-none-any.whl") == ""
    assert refused(judge, "demo-part", "demo_part-1.0.tar.gz") == ""
    assert "is denied" in refused(judge, "demo-part", "demo_part-3.1.tar.gz")
    assert "other is denied" in refused(judge, "other", "other-1.tar.gz")
    assert "has no version" in refused(judge, "demo", "demo-unknown-py3-none-any.whl"), "what cannot be compared is refused"


def test_versions_that_are_allowed(judging: Judging) -> None:
    judge = judging({"allow": ["demo>=2", "demo==1.5", "part"]})
    assert refused(judge, "demo", "demo-2.1.tar.gz") == refused(judge, "demo", "demo-1.5.tar.gz") == ""
    assert refused(judge, "part", "part-0.1.tar.gz") == ""
    assert "not among the versions that this mirror's policy allows (demo>=2, demo==1.5)" in refused(
        judge, "demo", "demo-1.4.tar.gz"
    )
    assert "not among the projects" in refused(judge, "third", "third-1.tar.gz")


def test_only_wheels(judging: Judging) -> None:
    judge = judging({"only_wheels": True, "only_wheels_exceptions": ["acme-*"]})
    assert "is no wheel" in refused(judge, "demo", "demo-1.0.tar.gz")
    assert "is no wheel" in refused(judge, "demo", "demo-1.0-py2.7.egg")
    assert refused(judge, "demo", "demo-1.0-py3-none-any.whl") == refused(judge, "acme-core", "acme_core-1.tar.gz") == ""


def test_yanked_files(judging: Judging) -> None:
    judge = judging({"yanked": "refuse"})
    assert refused(judge, "demo", "demo-1.tar.gz", yanked="it is broken").endswith("such files: it is broken")
    assert "was yanked" in refused(judge, "demo", "demo-1.tar.gz", yanked=True)
    assert refused(judge, "demo", "demo-1.tar.gz", yanked=False) == ""
    assert refused(judging(Policy()), "demo", "demo-1.tar.gz", yanked=True) == ""


@pytest.mark.parametrize("text", ["torch<", "torch 2", "", "<2", "torch<2,,<x"])
def test_what_is_no_selector(text: str) -> None:
    with pytest.raises(InvalidArgumentError, match="is no pattern of projects"):
        selector(text)


def test_a_pattern_may_leave_out_characters() -> None:
    found = selector("demo-[!a]*!=1.5")
    assert (found.pattern, str(found.versions)) == ("demo-[!a]*", "!=1.5")


@pytest.mark.parametrize(
    ("table", "mistake"),
    [
        ({"deny": ["torch<x"]}, "'deny': 'torch<x' is no pattern of projects"),
        ({"yanked": "no"}, "'yanked' is 'no'; expected one of 'give', 'refuse'"),
        ({"only_wheels": "yes"}, "'only_wheels' is 'yes'; expected true or false"),
        ({"advisories": {"severity": "bad"}}, "'advisories.severity' is 'bad'; expected a CVSS score"),
        ({"advisories": {"exceptions": [{"id": "X"}]}}, "'advisories.exceptions[1].reason' is None"),
        (
            {"advisories": {"exceptions": [{"reason": "r"}]}},
            "'advisories.exceptions[1].id' is None; expected the id of an advisory",
        ),
        ({"advisories": {"exceptions": [{"id": "X", "reason": "r"}]}}, "'advisories.exceptions[1].until' is None"),
        ({"advisories": []}, "'advisories' is []; expected a table"),
        ({"licences": {"unknown": "x"}}, "'licences.unknown' is 'x'"),
        ({"publishers": {"a": {"kind": "ActiveState"}}}, "'publishers.a': 'ActiveState' is no kind of publisher that attests"),
        ({"publishers": {"a": {"kind": "GitHub"}}}, "'publishers.a': 'repository' is missing"),
        ({"publishers": {"a": {"kind": "GitHub", "repository": "x/y", "email": "z"}}}, "'publishers.a': email: expected texts"),
        ({"publishers": {"a": []}}, "'publishers.a' is empty"),
        ({"publisher_changes": "x"}, "'publisher_changes' is 'x'"),
    ],
)
def test_mistakes(table: dict[str, object], mistake: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        parse_policy(table, "p.toml")
    assert mistake in caught.value.message
