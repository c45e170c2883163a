"""SavedModels whose signatures each run on the engine that suits them: Headrace's own runtime (XLA) or OpenVINO."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from headrace.core.errors import UnimplementedError
from headrace.core.log_lines import fields
from headrace.serving.engines.base import Array, LoadedModel, Signature, Store, Told
from headrace.serving.engines.choice import Candidate, Choice, agree, choices_told, choose, names_of, reasons_of
from headrace.serving.engines.frozen import Frozen, freeze, written_variables
from headrace.serving.engines.moved import MovedModel
from headrace.serving.engines.native import FILE, XLA, NativeEngine, NativeModel
from headrace.serving.engines.options import EngineOptions
from headrace.serving.engines.program import Compiler, Program, Whole
from headrace.trace.concrete import ConcreteFunction

logger = logging.getLogger(__name__)

Samples = Mapping[str, Sequence[Mapping[str, Array]]]
"""Inputs to try a version with, by signature name."""

_AS_BEFORE = "as the version before, whose graph is the same: "
_SIGNATURES_IN_FULL = 5
"""A version may take the time that the options give for so many signatures; those that are left stay with XLA."""


class ChosenModel:
    """A SavedModel that may run on several engines.

    Until `decide` was called XLA runs all of it.

    Args:
        native: the model on Headrace's runtime.
        path: the version's directory, for the log.
        graph: tells its graph from others, whatever the weights.
        options: what may run it.
        compilers: the other engines, the best known first.
    """

    def __init__(self, native: NativeModel, path: Path, graph: str, options: EngineOptions, compilers: Sequence[Compiler]) -> None:
        self._native: NativeModel | None = native
        self._graph = graph
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
        return names_of(self._choices)

    @property
    def engine_reason(self) -> str:
        """Why, for each signature."""
        return reasons_of(self._choices)

    @property
    def memory_bytes(self) -> int:
        """What the weights take, in bytes: of XLA's copy, where a signature still runs there, and of the other engines'."""
        own = self._native.memory_bytes if self._native is not None else 0
        return own + sum(program.memory_bytes for program in self._programs.values())

    @property
    def choices(self) -> Told:
        """What was chosen for this graph; see Decided."""
        return choices_told(self._graph, self._choices)

    def decide(self, samples: Samples, earlier: Told | None = None) -> None:
        """Chooses the engine of each signature; see Undecided.decide."""
        assert self._native is not None, "it has decided already"
        native = self._native
        written = written_variables(native.functions.values())
        measured = earlier is not None and self._options.engine == "auto" and earlier.get("graph") == self._graph
        known = earlier["signatures"] if earlier is not None and measured else {}
        deadline = time.monotonic() + _SIGNATURES_IN_FULL * self._options.choice_seconds
        for name, function in native.functions.items():
            late = time.monotonic() > deadline and name not in known
            choice = Choice(XLA, "the time for choosing was used up by other signatures")
            if not late:
                choice = self._choice(name, function, written, partial(native.run, name), samples.get(name, ()), known.get(name))
            self._choices[name] = choice
            details = fields(path=self._path, signature=name, engine=choice.name, reason=choice.reason)
            logger.info("engine chosen", extra=details)
        self._release()

    def _choice(
        self,
        name: str,
        function: ConcreteFunction,
        written: set[int],
        run: Callable[[Mapping[str, Array]], dict[str, Array]],
        samples: Sequence[Mapping[str, Array]],
        known: Sequence[str] | None = None,
    ) -> Choice:
        """The choice for one signature; its program, where another engine runs it, is kept.

        `known` is the engine that the version before chose for the same graph, and why: it is not measured again.
        """
        compilers = self._compilers
        if known is not None:
            compilers = [each for each in compilers if each.name == known[0]]
            if not compilers and known[0] == XLA:
                return Choice(XLA, _as_before(known[1]), measured=True)
        try:
            frozen = freeze(function, written)
        except UnimplementedError as error:
            return Choice(XLA, f"only Headrace's runtime can run it: {error.message}")
        programs, refused = _programs_of(function, frozen, compilers or self._compilers)
        candidates = [
            Candidate(each.name, programs[each.name].run, each.tolerance) for each in self._compilers if each.name in programs
        ]
        reference = Candidate(XLA, run)
        if not candidates:
            return Choice(XLA, "; ".join(f"{other} refused: {why}" for other, why in refused.items()), refused)
        if known is not None and compilers:
            choice = _asked_for(reference, candidates, samples, _as_before(known[1]))
        elif self._options.engine == "auto":
            choice = choose(reference, candidates, samples, self._options.choice_seconds)
        else:
            choice = _asked_for(reference, candidates, samples)
        if choice.name in programs:
            programs[choice.name].settle()
            self._programs[name] = programs[choice.name]
        notes = [choice.reason, *(f"{other} refused: {why}" for other, why in refused.items())]
        measured = choice.measured or (known is not None and known[0] == choice.name)
        return Choice(choice.name, "; ".join(notes), {**choice.refused, **refused}, measured)

    def hand_over(self, store: Store) -> Told:
        """Writes down the choices, and the programs with their weights; see Portable.hand_over."""
        signatures = {}
        for name, choice in self._choices.items():
            program = self._handed(name, self._programs[name], store) if name in self._programs else None
            signatures[name] = {"engine": choice.name, "reason": choice.reason, "measured": choice.measured, "program": program}
        return {"graph": self._graph, "signatures": signatures}

    def _handed(self, name: str, program: Program, store: Store) -> Told | None:
        """What is written down of a program; None where that fails, and it is to be compiled anew."""
        try:
            return program.hand_over(store)
        except (OSError, RuntimeError) as error:
            details = fields(path=self._path, signature=name, error=" ".join(str(error).split())[:300])
            logger.warning("what was compiled cannot be handed over; the server compiles it too", extra=details)
            return None

    def take_over(self, told: Told, content: Array) -> None:
        """Takes over the choices and the programs that another process has made of the same version, in place of `decide`.

        Raises:
            InternalError: they are of another graph.
            UnimplementedError: what could not be handed over cannot be compiled here.
        """
        assert self._native is not None, "it has decided already"
        written = written_variables(self._native.functions.values())
        compilers = {compiler.name: compiler for compiler in self._compilers}
        for name, function in self._native.functions.items():
            each = told["signatures"][name]
            self._choices[name] = _choice_of(each)
            if each["engine"] != XLA:
                frozen = freeze(function, written)
                program = Program(function, frozen, compilers[each["engine"]], each["program"], content)
                program.settle()
                self._programs[name] = program
        self._release()

    def _release(self) -> None:
        """Gives XLA's copy of the weights back where nothing runs there."""
        if len(self._programs) == len(self._signatures) and self._native is not None:
            self._native.close()
            self._native = None

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


def _programs_of(
    function: ConcreteFunction, frozen: Frozen, compilers: Sequence[Compiler]
) -> tuple[dict[str, Program], dict[str, str]]:
    """What the engines made of a signature, and why those refuse it that do."""
    programs: dict[str, Program] = {}
    refused: dict[str, str] = {}
    quantized = any(node.op.startswith("FakeQuant") for node in frozen.graph.nodes)
    fitting = [each for each in compilers if each.quantizes is quantized]
    if not fitting:
        refused["openvino"] = "it simulates quantization, and int8 is not among the precisions allowed"
    for compiler in fitting:
        try:
            programs[compiler.name] = Program(function, frozen, compiler)
        except UnimplementedError as error:
            refused[compiler.name] = error.message
    return programs, refused


def _choice_of(told: Told) -> Choice:
    """A choice that another process made."""
    return Choice(told["engine"], told["reason"], measured=told["measured"])


def _as_before(reason: str) -> str:
    """Why an engine is taken without a measurement."""
    return f"{_AS_BEFORE}{reason.removeprefix(_AS_BEFORE)}"


def _asked_for(
    reference: Candidate, candidates: Sequence[Candidate], samples: Sequence[Mapping[str, Array]], told: str = "it is asked for"
) -> Choice:
    """The first candidate that agrees with the reference, without measuring."""
    refused: dict[str, str] = {}
    for candidate in reversed(candidates):
        why = agree(reference, candidate, samples)
        if why is None:
            return Choice(candidate.name, "; ".join([told, *(f"{n} {w}" for n, w in refused.items())]), refused)
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
        native = self._native.load(path)
        graph = hashlib.sha256((path / FILE).read_bytes()).hexdigest()
        return ChosenModel(native, path, graph, self._options, self._compilers)

    def take_over(self, path: Path, signatures: Mapping[str, Signature], told: Told, content: Array) -> LoadedModel:
        """The version at `path` from what a helper process has made of it; see Movable.take_over."""
        choices = told["signatures"]
        programs = [each["program"] for each in choices.values()]
        if not all(program is not None and program["whole"] is not None for program in programs):
            model = self.load(path)
            model.take_over(told, content)
            return model
        compilers = {compiler.name: compiler for compiler in self._compilers}
        wholes = {}
        for name, each in choices.items():
            part = compilers[each["engine"]].take_over(each["program"]["parts"]["0"]["part"], content)
            wholes[name] = Whole(each["program"]["whole"]["names"], each["program"]["whole"]["outputs"], part)
        chosen = {name: _choice_of(each) for name, each in choices.items()}
        return MovedModel(signatures, wholes, chosen, told["graph"])
