"""SavedModels whose signatures each run on the engine that suits them: Headrace's own runtime (XLA) or OpenVINO."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from headrace.core.errors import UnimplementedError
from headrace.core.log_lines import fields
from headrace.serving.engines.base import Array, Signature
from headrace.serving.engines.choice import Candidate, Choice, agree, choose
from headrace.serving.engines.frozen import Frozen, freeze, written_variables
from headrace.serving.engines.native import XLA, NativeEngine, NativeModel
from headrace.serving.engines.options import EngineOptions
from headrace.serving.engines.program import Compiler, Program
from headrace.trace.concrete import ConcreteFunction

logger = logging.getLogger(__name__)

Samples = Mapping[str, Sequence[Mapping[str, Array]]]
"""Inputs to try a version with, by signature name."""

_SIGNATURES_IN_FULL = 5
"""A version may take the time that the options give for so many signatures; those that are left stay with XLA."""


class ChosenModel:
    """A SavedModel that may run on several engines.

    Until `decide` was called XLA runs all of it.

    Args:
        native: the model on Headrace's runtime.
        path: the version's directory, for the log.
        options: what may run it.
        compilers: the other engines, the best known first.
    """

    def __init__(self, native: NativeModel, path: Path, options: EngineOptions, compilers: Sequence[Compiler]) -> None:
        self._native: NativeModel | None = native
        self._path = path
        self._options = options
        self._compilers = compilers
        self._signatures = native.signatures
        self._programs: dict[str, Program] = {}
        self._choices: dict[str, Choice] = {name: Choice(XLA, "not measured") for name in native.signatures}

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """What the model offers, by signature name."""
        return self._signatures

    @property
    def engine(self) -> str:
        """The engines of the signatures, each once, parted by "+"."""
        return "+".join(sorted({choice.name for choice in self._choices.values()}))

    @property
    def engine_reason(self) -> str:
        """Why, for each signature."""
        if len(self._choices) == 1:
            return next(iter(self._choices.values())).reason
        return "; ".join(f"{name}: {choice.reason}" for name, choice in self._choices.items())

    @property
    def memory_bytes(self) -> int:
        """What the weights take, in bytes: of XLA's copy, where a signature still runs there, and of the other engines'."""
        own = self._native.memory_bytes if self._native is not None else 0
        return own + sum(program.memory_bytes for program in self._programs.values())

    def decide(self, samples: Samples) -> None:
        """Chooses the engine of each signature; see Undecided.decide."""
        assert self._native is not None, "it has decided already"
        native = self._native
        written = written_variables(native.functions.values())
        deadline = time.monotonic() + _SIGNATURES_IN_FULL * self._options.choice_seconds
        for name, function in native.functions.items():
            late = time.monotonic() > deadline
            choice = Choice(XLA, "the time for choosing was used up by other signatures")
            if not late:
                choice = self._choice(name, function, written, partial(native.run, name), samples.get(name, ()))
            self._choices[name] = choice
            details = fields(path=self._path, signature=name, engine=choice.name, reason=choice.reason)
            logger.info("engine chosen", extra=details)
        if len(self._programs) == len(self._signatures):
            native.close()
            self._native = None

    def _choice(
        self,
        name: str,
        function: ConcreteFunction,
        written: set[int],
        run: Callable[[Mapping[str, Array]], dict[str, Array]],
        samples: Sequence[Mapping[str, Array]],
    ) -> Choice:
        """The choice for one signature; its program, where another engine runs it, is kept."""
        try:
            frozen = freeze(function, written)
        except UnimplementedError as error:
            return Choice(XLA, f"only Headrace's runtime can run it: {error.message}")
        programs, refused = self._compiled(function, frozen)
        candidates = [
            Candidate(each.name, programs[each.name].run, each.tolerance) for each in self._compilers if each.name in programs
        ]
        reference = Candidate(XLA, run)
        if not candidates:
            return Choice(XLA, "; ".join(f"{other} refused: {why}" for other, why in refused.items()), refused)
        if self._options.engine == "auto":
            choice = choose(reference, candidates, samples, self._options.choice_seconds)
        else:
            choice = _asked_for(reference, candidates, samples)
        if choice.name in programs:
            programs[choice.name].settle()
            self._programs[name] = programs[choice.name]
        notes = [choice.reason, *(f"{other} refused: {why}" for other, why in refused.items())]
        return Choice(choice.name, "; ".join(notes), {**choice.refused, **refused})

    def _compiled(self, function: ConcreteFunction, frozen: Frozen) -> tuple[dict[str, Program], dict[str, str]]:
        """What the engines made of a signature, and why those refuse it that do."""
        programs: dict[str, Program] = {}
        refused: dict[str, str] = {}
        quantized = any(node.op.startswith("FakeQuant") for node in frozen.graph.nodes)
        fitting = [each for each in self._compilers if each.quantizes is quantized]
        if not fitting:
            refused["openvino"] = "it simulates quantization, and int8 is not among the precisions allowed"
        for compiler in fitting:
            try:
                programs[compiler.name] = Program(function, frozen, compiler)
            except UnimplementedError as error:
                refused[compiler.name] = error.message
        return programs, refused

    def run(self, signature: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Runs one signature; see LoadedModel.run."""
        program = self._programs.get(signature)
        if program is not None:
            return program.run(inputs)
        assert self._native is not None
        return self._native.run(signature, inputs)

    def run_together(self, signatures: Sequence[str], inputs: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
        """Runs several signatures: as one where XLA runs all of them, else one after the other; see LoadedModel.run_together."""
        if self._native is not None and not any(name in self._programs for name in signatures):
            return self._native.run_together(signatures, inputs)
        return {name: self.run(name, inputs) for name in signatures}

    def close(self) -> None:
        """Drops what the engines have compiled, and the variables."""
        self._programs.clear()
        if self._native is not None:
            self._native.close()
            self._native = None


def _asked_for(reference: Candidate, candidates: Sequence[Candidate], samples: Sequence[Mapping[str, Array]]) -> Choice:
    """The first candidate that agrees with the reference, without measuring."""
    refused: dict[str, str] = {}
    for candidate in reversed(candidates):
        why = agree(reference, candidate, samples)
        if why is None:
            return Choice(candidate.name, "; ".join(["it is asked for", *(f"{n} {w}" for n, w in refused.items())]), refused)
        refused[candidate.name] = why
    return Choice(reference.name, "; ".join(f"{name} {why}" for name, why in refused.items()), refused)


class ChoosingEngine:
    """Loads SavedModels that may run on several engines.

    Args:
        native: what loads them for Headrace's runtime.
        options: what may run them.
        compilers: the other engines, the best known first.
    """

    def __init__(self, native: NativeEngine, options: EngineOptions, compilers: Sequence[Compiler]) -> None:
        self._native = native
        self._options = options
        self._compilers = compilers

    def is_complete(self, path: Path) -> bool:
        """True once `saved_model.pb` is there."""
        return self._native.is_complete(path)

    def load(self, path: Path) -> ChosenModel:
        """Loads the SavedModel at `path`; see Engine.load."""
        return ChosenModel(self._native.load(path), path, self._options, self._compilers)
