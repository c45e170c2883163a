"""Imports modules once, then runs scripts, each in a process forked from this one, which spares it seconds of imports.

    forks.py MODULE ...

A line of standard input is a JSON object: `command` (a script, or -m and a module, with arguments), `folder` (to run in),
`environment`, and two files: `output`, `errors`. It is answered by two lines on standard output: the process's id, and its exit
status once it ended.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys
from typing import Any


def main(*modules: str) -> None:
    """Answers requests until standard input ends; in a forked process, runs the script and returns."""
    for module in modules:
        importlib.import_module(module)
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            return run(request)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    return None


def run(request: dict[str, Any]) -> None:
    """What `python COMMAND ...` does, in a process that has imports behind it."""
    for descriptor, path in enumerate([os.devnull, request["output"], request["errors"]]):
        file = os.open(path, os.O_RDONLY if descriptor == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, descriptor)
        os.close(file)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = request["command"]
    if sys.argv[0] == "-m":
        sys.path[0] = os.getcwd()
        runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = os.path.dirname(sys.argv[0])
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
