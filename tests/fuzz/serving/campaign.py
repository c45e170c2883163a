"""Fuzzes every front end of the model server in turn.

    python -m tests.fuzz.serving.campaign --seconds 3600 [--seed N]

The time is parted evenly over the front ends (`LEGS`), each in a server of its own. Each says how many cases there were and how
they ended, and a line at the end has the sum; the exit status is 1 when any case broke a rule of `tests/fuzz/serving/run.py`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
_SPARE_SECONDS = 300
"""For the server to start and to end, and a last case that hangs."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One front end.

    Attributes:
        name: of the leg.
        protocol: that is spoken.
        flags: of the server.
        needs: a package without which there is no such front end.
    """

    name: str
    protocol: str
    flags: tuple[str, ...]
    needs: str = ""

    @property
    def there(self) -> bool:
        """Whether this machine has the front end."""
        return not self.needs or importlib.util.find_spec(self.needs) is not None

    @property
    def arguments(self) -> list[str]:
        """Of `run`, behind the folder."""
        return [self.protocol, *(f"--flag={flag}" for flag in self.flags)]


LEGS = (
    Leg("rest", "rest", ("--grpc_front_end=grpcio",)),
    Leg("rest-batched", "rest", ("--grpc_front_end=grpcio", "--enable_batching")),
    Leg("admin", "admin", ("--grpc_front_end=grpcio",)),
    Leg("grpcio", "grpc", ("--grpc_front_end=grpcio", "--enable_batching")),
    Leg("native", "grpc", ("--grpc_front_end=native",), "pygrpc_native"),
    Leg("native-batched", "grpc", ("--grpc_front_end=native", "--enable_batching"), "pygrpc_native"),
)


def run(leg: Leg, seconds: float, seed: int) -> dict[str, Any]:
    """What a leg found: the report of `run`, or one failure that says how its process ended."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.fuzz.serving.run", folder, *leg.arguments]
        done = subprocess.run(
            [*command, f"--seconds={seconds}", f"--seed={seed}"],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
            timeout=seconds + _SPARE_SECONDS,
            check=False,
        )
    if done.returncode != 0:
        reason = f"the fuzzer ended with {done.returncode}"
        return {"cases": 0, "outcomes": {}, "failed": 1, "failures": [{"case": -1, "reason": reason}]}
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def main() -> int:
    """See the module; the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=3600.0, help="of all front ends together")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big") << 20, help="the first case")
    given = parser.parse_args()
    legs = [leg for leg in LEGS if leg.there]
    cases = failed = 0
    for leg in legs:
        report = run(leg, given.seconds / len(legs), given.seed)
        print(f"{leg.name}: {report['cases']} cases, {report['failed']} failures, {json.dumps(report['outcomes'])}", flush=True)
        for failure in report["failures"]:
            print(f"  case {failure['case']}: {failure['reason']}", flush=True)
        cases += report["cases"]
        failed += report["failed"]
    left_out = ", ".join(leg.name for leg in LEGS if not leg.there) or "none"
    print(f"{cases} cases of {len(legs)} front ends, {failed} failures; front ends that are not there: {left_out}")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
