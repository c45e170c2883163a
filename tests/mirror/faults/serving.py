"""Starts real `headrace mirror serve` processes cheaply: imports everything once, and forks one for each line of arguments.

Lines on stdin are JSON lists of arguments; for each, the id of the process is printed.
"""

from __future__ import annotations

import json
import os
import signal
import sys

import headrace.mirror.server.process  # noqa: F401 (before the fork, so that no child has to)
from headrace.cli.mirror.serve import serve


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(2, 1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            serve.main(json.loads(line), prog_name="serve")
        print(pid, flush=True)


if __name__ == "__main__":
    main()
