"""Damages models and checkpoints at random and loads them, in a process of its own.

    python -m tests.fuzz.damage FOLDER --seconds 60 [--seed 0] [--case N]

FOLDER holds SavedModels and checkpoints (prefixes with an `.index`), one each in a folder of its own. A case is a number: it
decides what is damaged and how, so that any can be run again by `--case`. Every case must end in an error of Headrace, or in
values that are right, within a second of processor time and without memory beyond what the undamaged model takes and a bit more.
With `--calls` signatures are called, too; then memory is not looked at, for every program that is compiled takes some. Prints one
JSON object; a case that breaks a rule is in its list `failures`. The number of the case that runs stands in FOLDER/running.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import json
import logging
import random
import resource
import shutil
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

import headrace as tf
from headrace.core.errors import HeadraceError
from headrace.core.spec import TensorSpec

MOST_SECONDS = 1.0
"""Of processor time for loading one case."""
MOST_MEBIBYTES = 256
"""By which the largest memory use of the process may grow over all cases."""
HANGS_AFTER = 120
"""Seconds after which a case counts as hanging: the process ends with a traceback of every thread."""


def is_model(folder: Path) -> bool:
    """True for a SavedModel, False for a folder with checkpoints."""
    return (folder / "saved_model.pb").exists()


def damaged(content: bytes, draw: random.Random) -> bytes:
    """A copy with some bits, bytes or stretches changed, or cut."""
    copy = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 8))):
        if not copy:
            break
        at = draw.randrange(len(copy))
        kind = draw.randrange(6)
        if kind <= 1:
            copy[at] ^= 1 << draw.randrange(8)
        elif kind == 2:
            del copy[at:]
        elif kind == 3:
            del copy[at : at + draw.randrange(1, 9)]
        elif kind == 4:
            copy[at:at] = bytes(draw.choice((0, 0xFF, 0x7F, draw.randrange(256))) for _ in range(draw.randrange(1, 9)))
        else:
            copy[at : at + 5] = b"\xff\xff\xff\xff\x0f"  # a large number, where a length stood
    return bytes(copy)


def values(folder: Path) -> dict[str, Any]:
    """Every variable of a model, or tensor of a checkpoint, by name, once everything was loaded."""
    if is_model(folder):
        loaded = tf.saved_model.load(folder, tags=["serve"])
        found = {v.name: v for v in _variables(loaded)}
        return {name: np.asarray(v) for name, v in found.items() if v.is_initialized()}
    found = {}
    for index in sorted(folder.glob("*.index")):
        reader = tf.train.load_checkpoint(index.with_suffix(""))
        found |= {f"{index.stem} {name}": np.asarray(reader.get_tensor(name)) for name in reader.get_variable_to_shape_map()}
    tf.train.get_checkpoint_state(folder)
    return found


def _variables(loaded: Any) -> list[Any]:
    pending, seen, found = [loaded, *loaded.signatures.values()], set(), []
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, tf.Variable):
            found.append(value)
        elif isinstance(value, dict | list | tuple):
            pending.extend(value.values() if isinstance(value, dict) else value)
        else:
            pending.extend(getattr(value, "variables", ()))
            pending.extend(
                v for v in getattr(value, "__dict__", {}).values() if isinstance(v, tf.Variable | tf.Module | dict | list | tuple)
            )
    return found


def call(folder: Path) -> None:
    """Calls every signature of a model with ones."""
    for function in tf.saved_model.load(folder, tags=["serve"]).signatures.values():
        specs = getattr(function, "structured_input_signature", ((), {}))[1]
        function(**{name: _ones(spec) for name, spec in specs.items()})


def _ones(spec: TensorSpec) -> Any:
    shape = [2 if size is None else min(size, 64) for size in (spec.shape if spec.shape.rank is not None else [2])]
    return tf.constant(np.full(shape, b"1", object) if spec.dtype is tf.string else np.ones(shape, spec.dtype.as_numpy_dtype))


class Fuzzer:
    """One run over a corpus."""

    def __init__(self, corpus: Path, calls: bool) -> None:
        self.corpus = corpus
        self.calls = calls
        self.targets = sorted(path for path in corpus.iterdir() if path.is_dir())
        self.good = {target: values(target) for target in self.targets}
        for target in self.targets:
            if is_model(target):
                with contextlib.suppress(HeadraceError):  # ones are no tf.Example, for one
                    call(target)
        self.outcomes: Counter[str] = Counter()
        self.failures: list[dict[str, Any]] = []
        self.slowest = 0.0

    def run(self, case: int) -> None:
        """One case."""
        draw = random.Random(case)
        target = draw.choice(self.targets)
        file = draw.choice(sorted(path for path in target.rglob("*") if path.is_file()))
        name = file.relative_to(self.corpus).as_posix()
        (self.corpus / "running").write_text(f"{case} {name}")
        with tempfile.TemporaryDirectory(dir=self.corpus.parent) as folder:
            copy = Path(folder) / target.name
            shutil.copytree(target, copy)
            path = copy / file.relative_to(target)
            path.write_bytes(damaged(path.read_bytes(), draw))
            if is_model(copy) and draw.random() < 0.5:
                # Models of other programs have none of these, so what the files say must be found wrong in other ways.
                for own in ("headrace.digest", "fingerprint.pb"):
                    (copy / own).unlink(missing_ok=True)
            self.outcomes[self._check(case, name, copy, self.good[target])] += 1

    def _check(self, case: int, name: str, copy: Path, good: dict[str, Any]) -> str:
        faulthandler.dump_traceback_later(HANGS_AFTER, exit=True)
        start = time.process_time()
        try:
            found = values(copy)
            took = time.process_time() - start
            if self.calls and is_model(copy):
                call(copy)
        except HeadraceError as error:
            took = time.process_time() - start
            self._timed(case, name, took, copy)
            return type(error).__name__
        except (TypeError, ValueError) as error:
            if not _is_of_a_call(error):
                return self._fail(case, name, traceback.format_exc())
            return "call refused"
        except Exception:  # noqa: BLE001 - any other error is what this looks for
            return self._fail(case, name, traceback.format_exc())
        finally:
            faulthandler.cancel_dump_traceback_later()
        self._timed(case, name, took, copy)
        for key, value in found.items():
            if key in good and (value.shape, value.dtype) == (good[key].shape, good[key].dtype) and not _same(value, good[key]):
                return self._fail(case, name, f"{key} has a wrong value")
        return "harmless"

    def _timed(self, case: int, name: str, took: float, copy: Path) -> None:
        if took > MOST_SECONDS:  # once more: the first time may have made something that lasts
            start = time.process_time()
            with contextlib.suppress(HeadraceError):
                values(copy)
            took = time.process_time() - start
        self.slowest = max(self.slowest, took)
        if took > MOST_SECONDS:
            self._fail(case, name, f"took {took:.2f} s of processor time")

    def _fail(self, case: int, name: str, reason: str) -> str:
        self.failures.append({"case": case, "file": name, "reason": reason})
        return "failure"


def _same(a: Any, b: Any) -> bool:
    """True for arrays of equal bits."""
    return bool(a.tolist() == b.tolist() if a.dtype == object else a.tobytes() == b.tobytes())


def _is_of_a_call(error: Exception) -> bool:
    """True for what a call that does not fit a damaged signature raises."""
    return any(word in str(error) for word in ("argument", "signature"))


def main() -> None:
    """Runs cases until the time is over."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int)
    parser.add_argument("--calls", action="store_true")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    fuzzer = Fuzzer(given.folder, given.calls)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    end = time.monotonic() + given.seconds
    case = given.seed if given.case is None else given.case
    cases = 0
    while cases == 0 or (given.case is None and time.monotonic() < end):
        fuzzer.run(case + cases)
        cases += 1
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    if grown > MOST_MEBIBYTES and not given.calls:
        fuzzer._fail(-1, "", f"the memory of the process grew by {grown:.0f} MiB")
    report = {"cases": cases, "outcomes": fuzzer.outcomes, "slowest": fuzzer.slowest, "grown": grown, "failures": fuzzer.failures}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
