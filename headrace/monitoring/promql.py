"""Texts of PromQL, from families and the labels to keep."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headrace.monitoring.families import Family


@dataclass(frozen=True, slots=True)
class Scope:
    """Which series are meant, and over what time.

    Attributes:
        matchers: PromQL's matcher for each label that a family may have, such as `=~"$model"`.
        window: of rates, such as `5m`.
    """

    matchers: Mapping[str, str]
    window: str

    def select(self, family: Family, *more: str, suffix: str = "") -> str:
        """The selector of a family, narrowed by every matcher that it has the label for.

        Args:
            family: what to read.
            more: further matchers, such as `code!="OK"`.
            suffix: of a part of a histogram, such as `_count`.
        """
        labels = ("job", "instance", *family.labels)
        matchers = [f"{label}{self.matchers[label]}" for label in labels if label in self.matchers]
        return f"{family.name}{suffix}{{{', '.join([*matchers, *more])}}}"

    def rate(self, family: Family, by: Sequence[str], *more: str, suffix: str = "") -> str:
        """Events a second, added up over all labels but `by`."""
        return f"{_sum(by)} (rate({self.select(family, *more, suffix=suffix)}[{self.window}]))"

    def quantile(self, share: float, family: Family, by: Sequence[str]) -> str:
        """A quantile of a histogram, from 0 to 1."""
        return f"histogram_quantile({share}, {self.rate(family, ['le', *by], suffix='_bucket')})"

    def mean(self, family: Family, by: Sequence[str]) -> str:
        """The mean of what a histogram observed."""
        return f"{self.rate(family, by, suffix='_sum')} / {self.rate(family, by, suffix='_count')}"

    def total(self, family: Family, by: Sequence[str], suffix: str = "") -> str:
        """The value now, added up over all labels but `by`."""
        return f"{_sum(by)} ({self.select(family, suffix=suffix)})"

    def mean_since_start(self, family: Family, by: Sequence[str]) -> str:
        """As `mean`, over the life of the servers: for what happens so seldom that a rate would miss it."""
        return f"{self.total(family, by, '_sum')} / {self.total(family, by, '_count')}"


def share(part: str, whole: str, by: Sequence[str]) -> str:
    """`part` of `whole`, from 0 to 1: 0 where there is a whole but no series of the part.

    Args:
        part, whole: rates by the same labels.
        by: those labels.
    """
    zero = f"0 * {whole}"
    return f"({part} or {zero}) / {whole}" if by else f"({part} or vector(0)) / {whole}"


def quoted(text: str) -> str:
    """A string of PromQL."""
    return json.dumps(text)


def _sum(by: Sequence[str]) -> str:
    return f"sum by ({', '.join(by)})" if by else "sum"
