"""Traffic rules: what may be asked of the server, and how a document that asks for it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from headrace.core import toml
from headrace.core.errors import InvalidArgumentError, NotFoundError
from headrace.serving.routing.reading import Table

MAX_BYTES = 1 << 20
"""Of a file or a document of rules."""
_MAX_VARIANTS = 16
_MAX_WEIGHT = 1e9
_NAME = r"[A-Za-z0-9_.-]{1,64}"
_HEADER = r"[a-z0-9_.-]{1,64}(?<!-bin)"


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the answers that an experiment compares: a version of the model, by number or by label.

    Attributes:
        name: what reports, metrics and answers call it.
        weight: its part of the requests, relative to the sum of all.
        version: its number; None when `label` names it.
        label: its label; "" when `version` names it.
    """

    name: str
    weight: float
    version: int | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Sticky:
    """What keeps a user at one variant: the value of a header (gRPC: metadata), or the first value of an input."""

    source: Literal["header", "input"]
    name: str


@dataclass(frozen=True)
class Shadow:
    """A variant that gets copies of requests, whose answers are compared and not sent.

    Attributes:
        variant: its name.
        percent: of the requests that other variants answer.
        absolute_tolerance: numbers that differ by no more are the same;
        relative_tolerance: nor do those that differ by no more than this part of what was answered.
    """

    variant: str
    percent: float = 100.0
    absolute_tolerance: float = 1e-5
    relative_tolerance: float = 1e-3


@dataclass(frozen=True)
class Rollback:
    """When a variant is taken out of the traffic by itself. A limit that is None is not looked at.

    Attributes:
        variant: the one that is watched.
        baseline: what it is compared with.
        window_seconds: only requests of the last so many seconds count.
        min_requests: both need so many in the window before anything is concluded.
        max_error_rate_increase: how much higher its rate of errors may be; 0.01 is one in a hundred more.
        max_latency_ratio: how many times as long its slowest hundredth may take.
        max_nonfinite_rate: the part of its answers that may hold NaN or an infinity.
        confidence: how sure it has to be that a limit of the first two is passed.
    """

    variant: str
    baseline: str
    window_seconds: float = 300.0
    min_requests: int = 100
    max_error_rate_increase: float | None = None
    max_latency_ratio: float | None = None
    max_nonfinite_rate: float | None = None
    confidence: float = 0.999


@dataclass(frozen=True, slots=True)
class ModelRules:
    """The rules of one model.

    Attributes:
        variants: the first one takes what the others leave.
        salt: of the experiment; another one assigns users anew.
        sticky: None sends each request where the split says.
        allow_override: requests may name their variant in the header `x-headrace-variant`.
        shadow: None copies nothing.
        rollback: None leaves rollback to people.
    """

    variants: tuple[Variant, ...]
    salt: str
    sticky: Sticky | None = None
    allow_override: bool = False
    shadow: Shadow | None = None
    rollback: Rollback | None = None

    @property
    def names(self) -> list[str]:
        """The names of the variants."""
        return [variant.name for variant in self.variants]


Rules = Mapping[str, ModelRules]
"""The rules by model."""


def load(path: Path) -> bytes:
    """The bytes of a file of rules; those beyond what is allowed are left out but for the first.

    Raises:
        NotFoundError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise NotFoundError(f"cannot read the traffic rules {path}: {error.strerror}") from None


def parse_toml(data: bytes, what: str) -> Rules:
    """The rules in a TOML text; `what` names it in errors.

    Raises:
        InvalidArgumentError: it is too large, no TOML, or what it says is wrong; all of it is named.
    """
    document = toml.parse(data, what, MAX_BYTES)
    try:
        return parse(document)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"{what}: {error.message}") from None


def parse(document: Any) -> Rules:
    """The rules in a document of tables, as TOML or JSON gives it.

    Raises:
        InvalidArgumentError: names everything that is wrong.
    """
    top = Table(document, "the document", {"models"})
    models = top.table("models")
    rules: dict[str, ModelRules] = {}
    for name in models.given:
        found = _model(name, models.table(name))
        if found is not None:
            rules[name] = found
    top.finish()
    return rules


def to_document(rules: Rules) -> dict[str, Any]:
    """The document of tables that `parse` reads; what is not set is left out."""
    return {"models": {name: _plain(asdict(each)) for name, each in sorted(rules.items())}}


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, value in fields.items():
        if key == "sticky" and value is not None:
            plain[key] = {value["source"]: value["name"]}
        elif isinstance(value, dict):
            plain[key] = _plain(value)
        elif isinstance(value, tuple):
            plain[key] = [_plain(item) for item in value]
        elif value is not None and value != "":
            plain[key] = value
    return plain


def _model(name: str, table: Table) -> ModelRules | None:
    table.allow({"variants", "salt", "sticky", "allow_override", "shadow", "rollback"})
    variants = tuple(_variant(each) for each in table.tables("variants", 1, _MAX_VARIANTS))
    names = [variant.name for variant in variants]
    for twice in sorted({each for each in names if names.count(each) > 1 and each}):
        table.wrong(f"variant {twice!r} is listed twice")
    if variants and not any(variant.weight > 0 for variant in variants):
        table.wrong("no variant has a weight above 0")
    rules = ModelRules(
        variants,
        table.text("salt", name, r"[^\0]{1,128}"),
        _sticky(table.table("sticky")) if "sticky" in table.given else None,
        table.boolean("allow_override", False),
        _shadow(table.table("shadow"), variants) if "shadow" in table.given else None,
        _rollback(table.table("rollback"), names) if "rollback" in table.given else None,
    )
    return rules if variants else None


def _variant(table: Table) -> Variant:
    table.allow({"name", "weight", "version", "label"})
    if ("version" in table.given) == ("label" in table.given):
        table.wrong("expected a version or a label, and not both")
    version = table.whole("version", 0, 0, 2**63 - 1) if "version" in table.given else None
    label = table.text("label", "", r".{1,256}") if "label" in table.given else ""
    return Variant(table.text("name", None, _NAME), table.number("weight", None, 0.0, _MAX_WEIGHT), version, label)


def _sticky(table: Table) -> Sticky | None:
    table.allow({"header", "input"})
    if len(table.given) != 1:
        table.wrong("expected a header or an input, and not both")
        return None
    if "header" in table.given:
        return Sticky("header", table.text("header", None, _HEADER))
    return Sticky("input", table.text("input", None, r".{1,256}"))


def _shadow(table: Table, variants: tuple[Variant, ...]) -> Shadow:
    table.allow({"variant", "percent", "absolute_tolerance", "relative_tolerance"})
    name = table.choice("variant", [variant.name for variant in variants])
    if not any(variant.weight > 0 for variant in variants if variant.name != name):
        table.wrong(f"variant {name!r} would be the shadow of itself: no other one gets any requests")
    return Shadow(
        name,
        table.number("percent", Shadow.percent, 0.0, 100.0),
        table.number("absolute_tolerance", Shadow.absolute_tolerance, 0.0),
        table.number("relative_tolerance", Shadow.relative_tolerance, 0.0),
    )


def _rollback(table: Table, names: list[str]) -> Rollback:
    limits = {"max_error_rate_increase": 1.0, "max_latency_ratio": None, "max_nonfinite_rate": 1.0}
    table.allow({"variant", "baseline", "window_seconds", "min_requests", "confidence", *limits})
    variant, baseline = table.choice("variant", names), table.choice("baseline", names)
    if variant == baseline:
        table.wrong(f"variant and baseline are both {variant!r}; expected two")
    if not table.given & limits.keys():
        table.wrong(f"there is no limit; expected at least one of {', '.join(limits)}")
    return Rollback(
        variant,
        baseline,
        table.number("window_seconds", Rollback.window_seconds, 1.0, 86400.0),
        table.whole("min_requests", Rollback.min_requests, 10, 10**9),
        table.optional("max_error_rate_increase", 0.0, 1.0),
        table.optional("max_latency_ratio", 1.0),
        table.optional("max_nonfinite_rate", 0.0, 1.0),
        table.number("confidence", Rollback.confidence, 0.5, 0.999999),
    )
