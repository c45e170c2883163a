"""A project's page as the policy leaves it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from headrace.mirror.index.page import Document
from headrace.mirror.policy.rules import Policy, Verdict


@dataclass(frozen=True, slots=True)
class View:
    """What is listed of a page.

    Attributes:
        document: the page.
        until: when the policy may say something else, in seconds since 1970.
        refused: why files are not given out, by name.
    """

    document: Document
    until: float
    refused: dict[str, Verdict]


def view(policy: Policy, project: str, page: Document, now: float) -> View:
    """The page with the files that are given out.

    Files that are too new are left out, so that a client takes an older one. Where nothing is left all are listed: the client
    asks for one, is refused, and shows the reason.
    """
    refused = {}
    for file in page["files"]:
        verdict = policy.judge(project, file, now)
        if verdict is not None:
            refused[file["filename"]] = verdict
    until = min((verdict.until for verdict in refused.values()), default=math.inf)
    listed = [file for file in page["files"] if file["filename"] not in refused]
    return View({**page, "files": listed or page["files"]}, until, refused)
