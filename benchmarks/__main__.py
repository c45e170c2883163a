"""`make bench`: every measurement, beside real TensorFlow's in the same run, as one table."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.model_work import BATCHES
from tests.interop.environments import clean_environment, ensure

HERE = Path(__file__).parent
CORE = (
    "headrace",
    "jax",
    "jaxlib",
    "numpy",
    "scipy",
    "ml_dtypes",
    "opt_einsum",
    "protobuf",
    "google-crc32c",
    "click",
    "rich",
    "diastatic-malt",
    "termcolor",
    "filelock",
)
"""What `pip install headrace` brings; Rich's small dependencies are left out."""

PROGRAMS = ("encoder, inference", "ResNet-50, inference", "ResNet-50 with channels first, inference")
"""What benchmarks/passes.py measures here, each in a process of its own."""


def run(python: str, *arguments: str, peer: bool = False) -> dict[str, Any]:
    """The JSON that a script printed."""
    environment = clean_environment() if peer else dict(os.environ)
    # An installed package's bytecode is cached from its second import on; so it is here.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment.pop("TF_ENABLE_ONEDNN_OPTS", None)  # what is measured is TensorFlow as it comes
    done = subprocess.run(
        [python, *arguments], capture_output=True, text=True, timeout=900, check=False, env=environment, cwd=HERE.parent
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def import_seconds(python: str, module: str, *, peer: bool = False) -> float:
    """Seconds that `import module` takes in a new process, the least of five after the first, which writes bytecode."""
    code = f"import json, time; t = time.perf_counter(); import {module}; print(json.dumps({{'s': time.perf_counter() - t}}))"
    return min([run(python, "-c", code, peer=peer)["s"] for _ in range(6)][1:])


def installed_megabytes(packages: tuple[str, ...]) -> float:
    """The size of the files of installed packages, in MB."""
    total = 0
    for package in packages:
        for file in importlib.metadata.files(package) or ():
            path = Path(str(file.locate()))
            total += path.stat().st_size if path.is_file() else 0
    return total / 1e6


def tree_megabytes(folder: Path) -> float:
    """The size of the files below a folder, in MB."""
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6


def passes_table() -> Table:
    """What each pass changes, program by program; passes that leave a program's graph as it is have no row."""
    table = Table(title="Each pass of the optimizer: with it, without it")
    for column in ("program", "pass", "nodes", "kernels", "time", "ratio"):
        table.add_column(column, justify="left" if column in ("program", "pass") else "right")
    for program in PROGRAMS:
        for row in run(sys.executable, "-m", "benchmarks.passes", program)["rows"]:
            if "ms_on" in row:
                counts = [f"{row[f'{what}_on']} / {row[f'{what}_off']}" for what in ("nodes", "kernels")]
                times = f"{row['ms_on']:,.1f} / {row['ms_off']:,.1f} ms"
                table.add_row(row["program"], row["pass"], *counts, times, f"{row['ms_on'] / row['ms_off']:.2f}")
    return table


def models_table(ours: str, theirs: str) -> Table:
    """Inference and training steps of the models, one peer after the other, model by model."""
    peers = {"headrace": ours, "tensorflow": theirs, "tensorflow-jit": theirs, "jax": ours}
    table = Table(title="Models: Headrace, TensorFlow, TensorFlow with jit_compile, JAX by hand")
    for column in ("program", *peers):
        table.add_column(column, justify="left" if column == "program" else "right")
    for model, batch in BATCHES.items():
        script = str(HERE / "model_work.py")
        found = {who: run(python, script, who, model, peer=python == theirs) for who, python in peers.items()}
        for program, seconds in found["headrace"].items():
            cells = [f"{found[who][program] * 1e3:,.1f} ms ({seconds / found[who][program]:.2f})" for who in peers]
            table.add_row(f"{program}, batch {batch}", *cells)
    return table


def loading_table(ours: str, theirs: str) -> Table:
    """Loading SavedModels, each in a new process, by turns: the least of three."""
    table = Table(title="tf.saved_model.load: Headrace, TensorFlow")
    for column in ("model", "Headrace", "TensorFlow", "ratio", "peak memory / size"):
        table.add_column(column, justify="left" if column == "model" else "right")
    script = str(HERE / "load_work.py")
    for name in ("resnet50", "gigabyte"):
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder) / "model"
            subprocess.run([ours, script, "write", name, str(model)], check=True, timeout=900, cwd=HERE.parent)
            size = tree_megabytes(model)
            turns = [
                (run(ours, script, "headrace", str(model)), run(theirs, script, "tensorflow", str(model), peer=True))
                for _ in range(3)
            ]
        mine, other = (min(turn[i]["seconds"] for turn in turns) for i in (0, 1))
        memory = [f"{min(turn[i]['megabytes'] for turn in turns) / size:.2f}" for i in (0, 1)]
        table.add_row(f"{name}, {size:,.0f} MB", f"{mine:.2f} s", f"{other:.2f} s", f"{mine / other:.2f}", " against ".join(memory))
    return table


def main() -> None:
    """Measures and prints."""
    ours, theirs = sys.executable, str(ensure("tensorflow"))
    site = next(Path(theirs).parents[1].glob("lib/python*/site-packages"))
    table = Table(title="Headrace against TensorFlow, one run")
    for column in ("what", "Headrace", "TensorFlow", "ratio"):
        table.add_column(column, justify="left" if column == "what" else "right")

    def row(what: str, mine: float, other: float, unit: str) -> None:
        table.add_row(what, f"{mine:,.2f} {unit}", f"{other:,.2f} {unit}", f"{mine / other:.2f}")

    jax_seconds = import_seconds(ours, "jax")
    row(
        f"import (jax alone: {jax_seconds:.2f} s)",
        import_seconds(ours, "headrace"),
        import_seconds(theirs, "tensorflow", peer=True),
        "s",
    )
    row("installed", installed_megabytes(CORE), tree_megabytes(site), "MB")
    eager = [
        run(p, str(HERE / "eager_work.py"), m, peer=peer)
        for p, m, peer in ((ours, "headrace", False), (theirs, "tensorflow", True))
    ]
    row("eager 2x2 add", eager[0]["add_us"], eager[1]["add_us"], "us")
    row("tape over four ops and its gradient", eager[0]["tape_us"], eager[1]["tape_us"], "us")
    step = [
        run(p, str(HERE / "step_work.py"), m, peer=peer) for p, m, peer in ((ours, "headrace", False), (theirs, "tensorflow", True))
    ]
    row("eager training step of the demo, batch 128", step[0]["eager_ms"], step[1]["eager_ms"], "ms")
    row("compiled training step of the demo, batch 128", step[0]["compiled_ms"], step[1]["compiled_ms"], "ms")
    console = Console()
    console.print(table)
    console.print(loading_table(ours, theirs))
    console.print(models_table(ours, theirs))
    console.print(passes_table())
    console.print(f"compiled over eager, Headrace: {step[0]['eager_ms'] / step[0]['compiled_ms']:.1f}x faster")


if __name__ == "__main__":
    main()
