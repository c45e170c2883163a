"""Starts processes cheaply: imports everything once, and forks one for each line of arguments.

Lines on stdin are JSON lists: a file for what the process writes, and then arguments of `headrace mirror serve`, or "kills"
and what killing.py takes. For each, the id of the process is printed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import headrace.mirror.server.process  # noqa: F401 (before the fork, so that no child has to)
from headrace.cli.mirror.serve import serve
from tests.mirror.faults import killing


def live(output: str, arguments: list[str]) -> None:
    """In the child."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(written, 1)
    os.dup2(written, 2)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if arguments[0] == "kills":
        killing.main(Path(arguments[1]), int(arguments[2]), int(arguments[3]))
        sys.exit(0)
    serve.main(arguments, prog_name="serve")


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        output, *arguments = json.loads(line)
        pid = os.fork()
        if pid == 0:
            live(output, arguments)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
