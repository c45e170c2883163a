"""Which models, datasets and other repositories of model hubs are given out, and which of their files."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection
from dataclasses import dataclass

_ASK = "ask who runs the mirror"


@dataclass(frozen=True, slots=True)
class ModelPolicy:
    """The rules for model hubs. Patterns are of names in lower case: `owner/name`, `datasets/owner/name`, `tfhub/owner/name/1`.

    Attributes:
        allow: only these are given out.
        deny: these are not, even if they are allowed.
        licences: only those with one of these licences, as the hub's tags name them; empty for any.
        deny_tags: those with one of these tags are not given out.
        deny_gated: those are not whose authors ask each user for consent, which the mirror's token has given for all.
        deny_files: patterns of files that are not given out, such as `*.pkl`.
    """

    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    deny_tags: tuple[str, ...] = ()
    deny_gated: bool = False
    deny_files: tuple[str, ...] = ()

    def judge_name(self, name: str) -> str | None:
        """Why a repository is not given out, whatever it holds; None when it may be."""
        name = name.lower()
        for pattern in self.deny:
            if fnmatch.fnmatchcase(name, pattern.lower()):
                return f"{name} is denied by this mirror's policy (models.deny {pattern!r}); {_ASK}"
        if not any(fnmatch.fnmatchcase(name, pattern.lower()) for pattern in self.allow):
            return f"{name} is not among the models that this mirror's policy allows; {_ASK}"
        return None

    def judge_tags(self, name: str, tags: Collection[str], gated: bool) -> str | None:
        """Why a repository with these tags is not given out; None when it is."""
        if gated and self.deny_gated:
            return f"{name} is gated, which this mirror's policy denies (models.deny_gated); {_ASK}"
        lower = {tag.lower() for tag in tags}
        for tag in self.deny_tags:
            if tag.lower() in lower:
                return f"{name} has the tag {tag!r}, which this mirror's policy denies (models.deny_tags); {_ASK}"
        found = sorted(tag.removeprefix("license:") for tag in lower if tag.startswith("license:"))
        if self.licences and not {each.lower() for each in self.licences}.intersection(found):
            return f"{name} has the licence {', '.join(found) or 'none'}, not one of this mirror's policy (models.licences); {_ASK}"
        return None

    def judge_file(self, path: str) -> str | None:
        """Why a file is not given out; None when it is."""
        for pattern in self.deny_files:
            if fnmatch.fnmatchcase(path.lower(), pattern.lower()):
                return f"{path} is denied by this mirror's policy (models.deny_files {pattern!r}); {_ASK}"
        return None
