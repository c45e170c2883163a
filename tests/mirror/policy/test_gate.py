"""What the audit log has of a file that was asked for."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

from headrace.core.tokens import token_hash
from headrace.mirror.policy.rules import Policy
from headrace.mirror.private.uploaders import Uploader
from tests.mirror.index_server import IndexServer
from tests.mirror.setting import mirroring

TOKEN = "let-me-in"
OPTIONS = {"private": ("acme-*",), "uploaders": (Uploader("ann", token_hash(TOKEN), ("acme-*",)),)}


def test_it_says_who_was_refused_what_and_why(tmp_path: Path) -> None:
    digests = []

    async def work() -> None:
        async with IndexServer() as index, mirroring(tmp_path, index, Policy(deny=("demo",)), OPTIONS) as setting:
            digests.append(index.add("demo", "1.0")["hashes"]["sha256"])
            (listed,) = (await setting.page("demo"))["files"]
            for token in (TOKEN, "another"):
                basic = base64.b64encode(f"__token__:{token}".encode()).decode()
                answer = await setting.get(listed["url"], Authorization=f"Basic {basic}", User_Agent="pip/26\u00e9")
                assert answer.status == 403

    asyncio.run(asyncio.wait_for(work(), 60))
    known, unknown = (json.loads(line) for line in (tmp_path / "audit" / "audit.jsonl").read_text().splitlines())
    assert (known["name"], unknown["name"]) == ("ann", "")
    assert (known["address"], known["action"], known["outcome"]) == ("127.0.0.1", "file", "refused")
    assert (known["project"], known["file"], known["sha256"]) == ("demo", "demo-1.0-py3-none-any.whl", digests[0])
    assert known["rule"] == "projects"
    assert "is denied by this mirror's policy" in known["reason"]
    assert known["agent"].startswith("pip/26")
    assert TOKEN not in json.dumps([known, unknown])
