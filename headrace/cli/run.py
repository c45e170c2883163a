"""`headrace run`: a TensorFlow program on Headrace, unchanged."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import click

from headrace.compat import alias
from headrace.core.errors import HeadraceError


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("-m", "is_module", is_flag=True, help="PROGRAM is the name of a module, as for `python -m`.")
@click.argument("program")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(program: str, is_module: bool, arguments: tuple[str, ...]) -> None:
    """Run the Python file PROGRAM with its ARGUMENTS, where `import tensorflow` gives Headrace."""
    if not is_module and not Path(program).exists():
        raise click.BadParameter(f"there is no file {program!r}", param_hint="PROGRAM")
    try:
        alias.install()
    except HeadraceError as error:
        raise click.ClickException(str(error)) from error
    sys.argv = [program, *arguments]
    if is_module:
        sys.path.insert(0, "")
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, str(Path(program).resolve().parent))
        runpy.run_path(program, run_name="__main__")
