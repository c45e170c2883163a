"""Licences: what metadata declares, what expressions permit, and what the mirror gives out."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.core.errors import InvalidArgumentError
from headrace.mirror.policy.licences.check import _permits
from headrace.mirror.policy.licences.declared import declared
from headrace.mirror.policy.licences.expressions import permitted
from headrace.mirror.policy.reading import parse_policy
from headrace.mirror.policy.rules import LicenceRules
from tests.mirror.index_server import IndexServer
from tests.mirror.setting import Setting, mirroring

OSI = "Classifier: License :: OSI Approved :: "


@pytest.mark.parametrize(
    ("lines", "expression"),
    [
        (["License-Expression: mit or (apache-2.0 and bsd-3-clause)"], "MIT OR (Apache-2.0 AND BSD-3-Clause)"),
        (["License-Expression: MIT", OSI + "GNU General Public License v3 (GPLv3)"], "MIT"),
        ([OSI + "MIT License", "Classifier: License :: OSI Approved"], "MIT"),
        ([OSI + "BSD License", "License: BSD-3-Clause"], "BSD-3-Clause"),
        ([OSI + "Apache Software License", "License: Apache License, Version 2.0"], "Apache-2.0"),
        ([OSI + "MIT License", OSI + "GNU General Public License v2 or later (GPLv2+)"], "(GPL-2.0-or-later) AND (MIT)"),
        ([OSI + "MIT License", "License: GPLv3"], "(GPL-3.0-only) AND (MIT)"),
        (["License: MIT License"], "MIT"),
        (["License: Apache 2.0"], "Apache-2.0"),
    ],
)
def test_licences_that_can_be_told(lines: list[str], expression: str) -> None:
    assert declared("\n".join(["Metadata-Version: 2.1", "Name: demo", *lines, "", "License: not this"]).encode()) == {
        "expression": expression
    }


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([], "its metadata names none"),
        ([OSI + "BSD License"], "'BSD License' may mean several licences"),
        ([OSI + "MIT License", OSI + "BSD License"], "'BSD License' may mean several licences"),
        (["License: BSD"], "'BSD' may mean several licences"),
        (["License: MIT License", "        ", "        Copyright (c) somebody"], "'MIT License' may mean several licences"),
        (["License-Expression: my own", "License: MIT"], "its License-Expression 'my own' is not one of SPDX"),
        (["License-Expression: " + "(" * 1000 + "MIT" + ")" * 1000], "is not one of SPDX"),
    ],
)
def test_licences_that_cannot(lines: list[str], why: str) -> None:
    assert why in declared("\n".join(["Metadata-Version: 2.1", "Name: demo", *lines, ""]).encode())["unknown"]


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_metadata_has_an_answer(data: bytes) -> None:
    for metadata in (data, b"License-Expression: " + data, b"License: " + data):
        assert set(declared(metadata)) <= {"expression", "unknown"}


@pytest.mark.parametrize(
    ("expression", "allow", "deny", "given"),
    [
        ("MIT", ("mit",), (), True),
        ("MIT OR GPL-3.0-only", ("MIT",), (), True),
        ("MIT AND GPL-3.0-only", ("MIT",), (), False),
        ("MIT AND (GPL-3.0-only OR ISC)", ("MIT", "ISC"), (), True),
        ("ISC OR MIT AND GPL-3.0-only", ("MIT",), (), False),
        ("MIT", (), ("AGPL-*",), True),
        ("AGPL-3.0-or-later", (), ("AGPL-*",), False),
        ("AGPL-3.0-or-later OR MIT", (), ("AGPL-*",), True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", ("GPL-*",), (), True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", (), ("GPL-*",), False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", ("GPL-* WITH Classpath-*",), ("GPL-*",), True),
        ("LicenseRef-Proprietary", ("MIT",), (), False),
    ],
)
def test_what_is_given_out(expression: str, allow: tuple[str, ...], deny: tuple[str, ...], given: bool) -> None:
    assert _permits(LicenceRules(allow, deny), expression) == given


@pytest.mark.parametrize("expression", ["", "MIT OR", "(MIT", "MIT)", "AND", "MIT MIT", "WITH MIT", "MIT OR " * 200 + "MIT"])
def test_what_is_no_expression(expression: str) -> None:
    with pytest.raises(InvalidArgumentError, match="expression"):
        permitted(expression, lambda _: True)


def test_over_the_wire(tmp_path: Path) -> None:
    policy = parse_policy({"licences": {"allow": ["MIT", "Apache-2.0"], "exceptions": ["acme-*"]}}, "this test")

    async def work() -> None:
        async with IndexServer() as index:
            index.add("good", "1.0", licence="License-Expression: MIT")
            old = index.add("good", "0.9", licence="License-Expression: MIT")
            del old["core-metadata"]
            index.add("bad", "1.0", licence="License-Expression: AGPL-3.0-only")
            index.add("bad", "0.9", licence="License-Expression: MIT")
            index.add("vague", "1.0")
            index.add("acme-core", "1.0")
            async with mirroring(tmp_path, index, policy) as setting:
                await look(setting)

    async def look(setting: Setting) -> None:
        new, old = (await setting.page("good"))["files"]
        assert (await setting.get(new["url"])).status == (await setting.get(old["url"])).status == 200
        new, old = (await setting.page("bad"))["files"]
        for url in (f"{new['url']}.metadata", new["url"]):
            answer = await setting.get(url)
            assert (answer.status, "has the licence AGPL-3.0-only" in answer.reason) == (403, True)
        listed = (await setting.page("bad"))["files"]
        assert [each["filename"] for each in listed] == [old["filename"]], "what is known to be refused is not listed"
        assert (await setting.get(old["url"])).status == 200
        (vague,) = (await setting.page("vague"))["files"]
        assert "cannot be told (its metadata names none)" in (await setting.get(vague["url"])).reason
        (acme,) = (await setting.page("acme-core"))["files"]
        assert (await setting.get(acme["url"])).status == 200
        asked: Any = setting.index.asked
        assert all(count == 1 for path, count in asked.items() if path.endswith(".metadata")), "each is looked at once"
        setting.index.down = True
        setting.index.add("good", "1.1", licence="License-Expression: MIT")

    asyncio.run(asyncio.wait_for(work(), 60))


def test_what_cannot_be_looked_at_is_not_given_out(tmp_path: Path) -> None:
    policy = parse_policy({"licences": {"deny": ["AGPL-*"]}}, "this test")

    async def work() -> None:
        async with IndexServer() as index, mirroring(tmp_path, index, policy) as setting:
            index.add("demo", "1.0", licence="License-Expression: MIT")
            (listed,) = (await setting.page("demo"))["files"]
            metadata = next(path for path in index.contents if path.endswith(".metadata"))
            content = index.contents.pop(metadata)
            assert (await setting.get(listed["url"])).status == 404
            index.contents[metadata] = b"License-Expression: forged\n"
            assert (await setting.get(listed["url"])).status == 502, "it is not what its page says"
            index.contents[metadata] = content
            assert (await setting.get(listed["url"])).status == 200

    asyncio.run(asyncio.wait_for(work(), 60))
