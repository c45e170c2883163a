"""A project's page as the policy leaves it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from headrace.mirror.index.page import Document
from headrace.mirror.policy.judge import Judge
from headrace.mirror.policy.rules import Verdict


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


def view(judge: Judge, project: str, page: Document, now: float) -> View:
    """The page with the files that are given out.

    Files that are too new, say, are left out, so that a client takes an older one. Where nothing is left all are listed: the
    client asks for one, is refused, and shows the reason.
    """
    judged = judge.page(project, page, now)
    refused = {file["filename"]: verdict for file, verdict in judged if verdict is not None and verdict.refused}
    until = min((verdict.until for _, verdict in judged if verdict is not None), default=math.inf)
    listed = [file for file, verdict in judged if verdict is None or not verdict.refused]
    return View({**page, "files": listed or page["files"]}, until, refused)
