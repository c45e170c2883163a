"""A model that a helper process has prepared: compiled programs, and nothing else of the SavedModel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headrace.serving.engines.base import Array, Signature
from headrace.serving.engines.choice import Choice, choices_told, names_of, reasons_of
from headrace.serving.engines.program import Whole


class MovedModel:
    """A SavedModel all of whose signatures were compiled as a whole, in another process.

    Args:
        signatures: what the model offers.
        programs: what runs each of them.
        choices: and why.
        graph: tells its graph from others.
    """

    def __init__(
        self, signatures: Mapping[str, Signature], programs: Mapping[str, Whole], choices: Mapping[str, Choice], graph: str
    ) -> None:
        self.signatures = signatures
        self.engine = names_of(choices)
        self.engine_reason = reasons_of(choices)
        self.choices = choices_told(graph, choices)
        self.memory_bytes = sum(program.part.memory_bytes for program in programs.values())
        self._programs = dict(programs)

    def run(self, signature: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Runs one signature; see LoadedModel.run."""
        return self._programs[signature].run(inputs)

    def run_together(self, signatures: Sequence[str], inputs: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
        """Runs several signatures, one after the other; see LoadedModel.run_together."""
        return {name: self.run(name, inputs) for name in signatures}

    def close(self) -> None:
        """Drops the programs, and with them the memory that they were handed over in."""
        self._programs.clear()
