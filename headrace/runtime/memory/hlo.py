"""XLA's text form of a scheduled module: instructions in the order in which they run."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_COMPUTATION = re.compile(r"^(?P<entry>ENTRY )?%?(?P<name>[\w.\-]+) .*\{$")
_INSTRUCTION = re.compile(r"^\s+(?P<root>ROOT )?%?(?P<name>[\w.\-]+) = (?P<rest>.*)$")
_OPCODE = re.compile(r"\s*(?P<opcode>[\w\-]+)\((?P<operands>[^)]*)\)")
_CALLED = re.compile(r"\b(?:calls|to_apply|body|condition|true_computation|false_computation)=%?([\w.\-]+)")
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
_ALIAS = re.compile(r"\{(?P<output>[\d, ]*)\}: \((?P<parameter>\d+), \{[\d, ]*\}")
_ARRAY = re.compile(r"(?P<dtype>[a-z]+\d*[a-z0-9]*)\[(?P<dims>[\d,<= ]*)\]")
_SIZES = {"pred": 1, "token": 0, "opaque": 0, "s4": 1, "u4": 1, "bf16": 2}


@dataclass(frozen=True)
class Instruction:
    """One step.

    Attributes:
        shape: its text, such as `f32[2,3]{1,0}`.
        leaves: the bytes of each array of the result; one unless it is a tuple.
        operands: names.
        called: the computations that it runs.
        scope: the path of names under which it was traced.
        kind: of a fusion.
        index: of a get-tuple-element or a parameter.
    """

    name: str
    opcode: str
    shape: str
    leaves: tuple[int, ...]
    operands: tuple[str, ...]
    called: tuple[str, ...]
    scope: str
    kind: str
    index: int


@dataclass
class Module:
    """A parsed module.

    Attributes:
        computations: instructions by computation, in the order of the schedule; the last one is not always the root.
        roots: the name of the result of each computation.
        entry: the computation that is called.
        aliases: for outputs of the entry that are written in place of a parameter, the number of that.
    """

    computations: dict[str, list[Instruction]]
    roots: dict[str, str]
    entry: str
    aliases: dict[int, int]


def parse(text: str) -> Module:
    """Reads a module."""
    module = Module({}, {}, "", _aliases(text.partition("\n")[0]))
    current = ""
    for line in text.splitlines():
        header = _COMPUTATION.match(line)
        if header is not None and " -> " in line:
            current = header["name"]
            module.computations[current] = []
            if header["entry"]:
                module.entry = current
            continue
        match = _INSTRUCTION.match(line) if current else None
        if match is not None:
            module.computations[current].append(_instruction(match["name"], match["rest"]))
            if match["root"]:
                module.roots[current] = match["name"]
    return module


def _aliases(header: str) -> dict[int, int]:
    start = header.find("input_output_alias={")
    if start < 0:
        return {}
    text = header[start : header.find("entry_computation_layout", start)]
    return {int(m["output"].split(",")[0] or 0): int(m["parameter"]) for m in _ALIAS.finditer(text)}


def _instruction(name: str, rest: str) -> Instruction:
    shape, rest = _split_shape(rest)
    match = _OPCODE.match(rest)
    opcode, operands = (match["opcode"], match["operands"]) if match else ("", "")
    branches = _BRANCHES.search(rest)
    called = tuple(_CALLED.findall(rest)) + (tuple(re.findall(r"[\w.\-]+", branches[1])) if branches else ())
    index = re.search(r"\bindex=(\d+)", rest)
    number = int(index[1]) if index else int(operands) if opcode == "parameter" else 0
    return Instruction(
        name,
        opcode,
        shape,
        tuple(_bytes(m["dtype"], m["dims"]) for m in _ARRAY.finditer(shape)),
        tuple(re.findall(r"%([\w.\-]+)", operands)),
        called,
        _quoted(rest, "op_name"),
        _word(rest, "kind"),
        number,
    )


def _split_shape(text: str) -> tuple[str, str]:
    """The shape at the beginning of an instruction, and the rest."""
    if not text.startswith("("):
        shape, _, rest = text.partition(" ")
        return shape, rest
    depth = 0
    for position, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if not depth:
            return text[: position + 1], text[position + 1 :]
    return text, ""


def _bytes(dtype: str, dims: str) -> int:
    count = math.prod(int(d.strip("<= ")) for d in dims.split(",") if d.strip("<= "))
    if dtype in _SIZES:
        return count * _SIZES[dtype]
    bits = re.search(r"\d+", dtype)
    return count * (int(bits[0]) // 8 if bits else 4)


def _quoted(text: str, key: str) -> str:
    match = re.search(rf'{key}="([^"]*)"', text)
    return match[1] if match else ""


def _word(text: str, key: str) -> str:
    match = re.search(rf"\b{key}=(\w+)", text)
    return match[1] if match else ""
