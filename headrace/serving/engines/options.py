"""Which engines may run a model, from flags and from a file of exceptions by model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headrace.core import toml
from headrace.core.errors import InvalidArgumentError, NotFoundError

ENGINES = ("auto", "xla", "openvino", "litert")
PRECISIONS = ("f32", "bf16", "int8")
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What may run a model.

    Attributes:
        engine: "auto" takes the fastest that computes the same; another name is that engine, as far as it can run the model.
        precisions: what OpenVINO may compute in; "f32" always counts as allowed.
        streams: runs of a version that OpenVINO or LiteRT does at once, each on its share of the cores.
        choice_seconds: for measuring the engines of a signature; a version takes five times that at most.
    """

    engine: str = "auto"
    precisions: tuple[str, ...] = ("f32",)
    streams: int = 1
    choice_seconds: float = 2.0

    def __post_init__(self) -> None:
        """Raises InvalidArgumentError when a value is not one of those listed."""
        if self.engine not in ENGINES:
            raise InvalidArgumentError(f"there is no engine {self.engine!r}; expected one of {', '.join(ENGINES)}")
        unknown = [each for each in self.precisions if each not in PRECISIONS]
        if unknown or not self.precisions:
            raise InvalidArgumentError(f"got the precisions {list(self.precisions)}; expected some of {', '.join(PRECISIONS)}")
        if self.streams < 1 or self.choice_seconds < 0:
            raise InvalidArgumentError(
                f"got {self.streams} streams and {self.choice_seconds} s for the choice; expected at least 1 and 0"
            )


_KINDS: dict[str, type | tuple[type, ...]] = {
    "engine": str,
    "precisions": list,
    "streams": int,
    "choice_seconds": (int, float),
}


def read_exceptions(path: Path, usual: EngineOptions) -> dict[str, EngineOptions]:
    """The options of models that have their own, by model name.

    Args:
        path: a TOML file with a table `[models.NAME]` for each; keys are those of EngineOptions.
        usual: what a table leaves out.

    Raises:
        NotFoundError: there is no such file.
        InvalidArgumentError: it is no TOML, or says something else than options of models.
    """
    try:
        with path.open("rb") as file:
            document = toml.parse(file.read(_MOST_BYTES + 1), str(path), _MOST_BYTES)
    except OSError as error:
        raise NotFoundError(f"cannot read {path}: {error.strerror}") from None
    models = document.pop("models", {})
    if document or not isinstance(models, dict):
        raise InvalidArgumentError(f"{path} has {sorted(document) or 'models'}; expected a table [models.NAME] for each model")
    return {name: _options(f"[models.{name}] of {path}", table, usual) for name, table in models.items()}


def _options(where: str, table: Any, usual: EngineOptions) -> EngineOptions:
    if not isinstance(table, Mapping):
        raise InvalidArgumentError(f"{where} is {table!r}; expected a table")
    for key, value in table.items():
        kind = _KINDS.get(key)
        if kind is None or not isinstance(value, kind) or isinstance(value, bool):
            raise InvalidArgumentError(f"{where} has {key} = {value!r}; expected {', '.join(_KINDS)}, each of its type")
    given: dict[str, Any] = {key: tuple(map(str, value)) if key == "precisions" else value for key, value in table.items()}
    try:
        return replace(usual, **given)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"{where}: {error.message}") from None
