"""What the policy gives out, and what clients see of what it does not."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from headrace.cli.mirror.group import mirror
from headrace.core.errors import InvalidArgumentError
from headrace.mirror.policy.reading import read_policy
from headrace.mirror.policy.rules import Policy
from headrace.mirror.policy.view import view
from tests.mirror.index_server import IndexServer
from tests.mirror.policy.judging import DAY, NOW, Judging, file
from tests.mirror.setting import Setting, mirroring


def test_files_that_are_too_new_are_not_listed(judging: Judging) -> None:
    policy = Policy(cooldown_days=7, cooldown_exceptions={"acme-*": 0})
    files = [file("demo-1.whl", 30), file("demo-2.whl", 6.5), file("demo-3.whl", 1), file("demo-4.whl", None)]
    page = {"name": "demo", "files": files}
    judge = judging(policy)
    seen = view(judge, "demo", page, NOW.timestamp())
    assert [each["filename"] for each in seen.document["files"]] == ["demo-1.whl"]
    assert seen.until == NOW.timestamp() + 0.5 * DAY
    assert "gives out files after 7 days" in seen.refused["demo-3.whl"].reason
    assert "has no upload time" in seen.refused["demo-4.whl"].reason
    later = view(judge, "demo", page, seen.until)
    assert [each["filename"] for each in later.document["files"]] == ["demo-1.whl", "demo-2.whl"]
    assert view(judge, "acme-core", page, NOW.timestamp()).refused == {}


def test_when_nothing_is_left_all_are_listed_and_refused(judging: Judging) -> None:
    page = {"name": "demo", "files": [file("demo-1.whl", 1)]}
    seen = view(judging(Policy(cooldown_days=7)), "demo", page, NOW.timestamp())
    assert [each["filename"] for each in seen.document["files"]] == ["demo-1.whl"]
    assert list(seen.refused) == ["demo-1.whl"]


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (Policy(deny=("de*",)), "demo is denied by this mirror's policy (deny 'de*')"),
        (Policy(allow=("other",)), "demo is not among the projects that this mirror's policy allows"),
    ],
)
def test_projects(judging: Judging, policy: Policy, reason: str) -> None:
    judge = judging(policy)
    verdict = judge.refusal("demo", file("demo-1.whl", 1), NOW.timestamp())
    assert verdict is not None
    assert (reason in verdict.reason, verdict.until) == (True, math.inf)
    assert judge.refusal("other", file("other-1.whl", 1), NOW.timestamp()) is None


def test_over_the_wire(tmp_path: Path) -> None:
    async def work() -> None:
        async with IndexServer() as index:
            recent = datetime.now(UTC).isoformat()
            index.add("demo", "1.0")
            index.add("demo", "2.0", **{"upload-time": recent})
            index.add("bad", "1.0")
            async with mirroring(tmp_path, index, Policy(deny=("bad",), cooldown_days=7)) as setting:
                await look(setting)

    async def look(setting: Setting) -> None:
        (listed,) = (await setting.page("demo"))["files"]
        assert listed["filename"] == "demo-1.0-py3-none-any.whl"
        assert (await setting.get(listed["url"])).status == 200
        new = setting.index.documents["demo"]["files"][1]["url"].replace("../../", "files/main/demo/")
        for url in (new, f"{new}.metadata"):
            refused = await setting.get(url)
            assert (refused.status, "is too new" in refused.reason) == (403, True)
        (bad,) = (await setting.page("bad"))["files"]
        assert (await setting.get(bad["url"])).reason.startswith("bad is denied by this mirror's policy")

    asyncio.run(asyncio.wait_for(work(), 60))
    rules = tmp_path / "policy.toml"
    rules.write_text('deny = ["bad"]\ncooldown_days = 7\n')
    explain = ["explain", f"--root={tmp_path}", f"--policy={rules}"]
    said = CliRunner().invoke(mirror, [*explain, "demo"]).output.splitlines()
    assert said[0] == "demo-1.0-py3-none-any.whl: given out"
    assert "demo-2.0-py3-none-any.whl is too new" in said[1]
    assert "is denied" in CliRunner().invoke(mirror, [*explain, "bad==1.0"]).output
    assert "has no page of other" in CliRunner().invoke(mirror, [*explain, "other"]).output


def test_a_file_with_mistakes_names_them_all(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text('denny = ["x"]\nallow = "x"\ncooldown_days = -1\n[cooldown_exceptions]\n"a*" = "long"\n')
    with pytest.raises(InvalidArgumentError) as caught:
        read_policy(path)
    for part in ("'denny' is not known", "'allow' is 'x'; expected a list", "'cooldown_days' is -1", "'a*' is 'long'"):
        assert part in caught.value.message
    path.write_text("deny = [")
    with pytest.raises(InvalidArgumentError, match="cannot be read"):
        read_policy(path)
    with pytest.raises(InvalidArgumentError, match="cannot be read"):
        read_policy(tmp_path / "none.toml")
