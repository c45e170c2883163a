"""When each buffer of a scheduled module is alive.

A buffer is born where its instruction runs and dies after its last reader. Tuples, bitcasts and loops hand buffers on
instead of making new ones; an elementwise step may write over an operand of the same size that dies with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from headrace.runtime.memory.hlo import Instruction, Module

_HANDED_ON = frozenset({"bitcast", "opt-barrier", "copy-done", "while"})
_ELEMENTWISE = frozenset(
    [
        "add",
        "multiply",
        "subtract",
        "divide",
        "maximum",
        "minimum",
        "select",
        "negate",
        "exponential",
        "log",
        "tanh",
        "rsqrt",
        "sqrt",
        "power",
        "and",
        "or",
        "not",
        "compare",
        "convert",
        "clamp",
        "abs",
        "sign",
        "floor",
        "ceil",
        "dynamic-update-slice",
        "scatter",
    ]
)


@dataclass
class Buffer:
    """One allocation.

    Attributes:
        instruction: what made it.
        size: bytes; 0 where it stands in the memory of an argument.
        first, last: steps of the schedule between which it is alive.
    """

    instruction: Instruction
    size: int
    first: int
    last: int


@dataclass
class Lifetimes:
    """What `analyze` finds.

    Attributes:
        buffers: everything that is no argument.
        live: bytes alive at each step, arguments not counted, what called computations need inside included.
        steps: the instructions.
    """

    buffers: list[Buffer] = field(default_factory=list)
    live: list[int] = field(default_factory=list)
    steps: list[Instruction] = field(default_factory=list)

    @property
    def peak(self) -> int:
        """The most bytes alive at once."""
        return max(self.live, default=0)


def analyze(module: Module, computation: str | None = None) -> Lifetimes:
    """The lifetimes of the buffers of one computation; of the entry by default."""
    name = module.entry if computation is None else computation
    return _Walk(module, name).run()


class _Walk:
    """One computation. Values are trees of indices into `buffers`; arguments are -1."""

    def __init__(self, module: Module, name: str) -> None:
        self.module = module
        self.steps = module.computations[name]
        self.root = module.roots.get(name, self.steps[-1].name if self.steps else "")
        self.is_entry = name == module.entry
        self.values: dict[str, list[int]] = {}
        self.buffers: list[Buffer] = []
        self.inside: list[int] = []

    def run(self) -> Lifetimes:
        last = self.last_uses()
        for position, step in enumerate(self.steps):
            self.values[step.name] = self.value(position, step, last)
            self.inside.append(max((analyze(self.module, called).peak for called in self.runs(step)), default=0))
        self.extend(last)
        self.place_outputs()
        live = [0] * (len(self.steps) + 1)
        for buffer in self.buffers:
            live[buffer.first] += buffer.size
            live[buffer.last + 1] -= buffer.size
        total, running = [], 0
        for change, inside in zip(live, [*self.inside, 0], strict=True):
            running += change
            total.append(running + inside)
        return Lifetimes(self.buffers, total[:-1], self.steps)

    def runs(self, step: Instruction) -> Sequence[str]:
        """The computations that need memory of their own while the step runs."""
        return step.called if step.opcode in ("while", "call", "conditional") else ()

    def last_uses(self) -> dict[str, int]:
        last = {step.name: position for position, step in enumerate(self.steps)}
        for position, step in enumerate(self.steps):
            for operand in step.operands:
                last[operand] = position
        last[self.root] = len(self.steps) - 1
        return last

    def value(self, position: int, step: Instruction, last: dict[str, int]) -> list[int]:
        """The buffers that hold a step's result: one a leaf."""
        if step.opcode == "parameter":
            return [-1] * len(step.leaves)
        if step.opcode == "constant":
            return [-1] * len(step.leaves)
        if step.opcode == "tuple":
            return [buffer for operand in step.operands for buffer in self.values[operand]]
        if step.opcode == "get-tuple-element":
            return self.element(step)
        if step.opcode in _HANDED_ON and step.operands:
            return self.values[step.operands[0]]
        if len(step.leaves) == 1:
            shared = self.shared(position, step, last)
            if shared is not None:
                return [shared]
        made = []
        for size in step.leaves:
            made.append(len(self.buffers))
            self.buffers.append(Buffer(step, size, position, position))
        return made

    def element(self, step: Instruction) -> list[int]:
        """Flat tuples are the rule; of a nested one the leaves before are counted."""
        whole = self.values[step.operands[0]]
        if len(whole) == 1 or len(step.leaves) == len(whole):
            return whole[: len(step.leaves)]
        return whole[step.index : step.index + len(step.leaves)]

    def shared(self, position: int, step: Instruction, last: dict[str, int]) -> int | None:
        """A dying operand's buffer that the step may write over."""
        if not (step.opcode in _ELEMENTWISE or (step.opcode == "fusion" and step.kind == "kLoop")):
            return None
        for operand in step.operands:
            held = self.values[operand]
            if len(held) == 1 and held[0] >= 0 and last[operand] == position:
                buffer = self.buffers[held[0]]
                others = any(last[n] > position for n, v in self.values.items() if held[0] in v)
                if buffer.size == step.leaves[0] and not others:
                    return held[0]
        return None

    def extend(self, last: dict[str, int]) -> None:
        for name, held in self.values.items():
            for index in held:
                if index >= 0:
                    self.buffers[index].last = max(self.buffers[index].last, last[name])

    def place_outputs(self) -> None:
        """Outputs in place of a donated argument need no memory of their own."""
        if not self.is_entry:
            return
        for position, index in enumerate(self.values.get(self.root, ())):
            if index >= 0 and position in self.module.aliases:
                self.buffers[index].size = 0


ALIGNMENT = 64


def arena_size(buffers: Sequence[Buffer]) -> int:
    """The bytes that hold the buffers at fixed places: largest first, each in the tightest gap between those alive with it."""
    placed: list[tuple[int, int, Buffer]] = []
    total = 0
    for buffer in sorted(buffers, key=lambda b: (-b.size, b.first)):
        if not buffer.size:
            continue
        size = -(-buffer.size // ALIGNMENT) * ALIGNMENT
        together = sorted((start, end) for start, end, b in placed if b.first <= buffer.last and buffer.first <= b.last)
        offset = _tightest_gap(together, size)
        placed.append((offset, offset + size, buffer))
        total = max(total, offset + size)
    return total


def _tightest_gap(taken: Sequence[tuple[int, int]], size: int) -> int:
    best, best_room, reached = -1, 0, 0
    for start, end in taken:
        room = start - reached
        if room >= size and (best < 0 or room < best_room):
            best, best_room = reached, room
        reached = max(reached, end)
    return reached if best < 0 else best
