"""The toy server in a process that can write files of 4 KiB at most: for its log, the disk is full after that."""

from __future__ import annotations

import resource

from headrace.cli.main import main
from headrace.serving import server
from tests.serving.toy import ToyEngine

LIMIT = 4096

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))
    server.ServingEngine = lambda *_: ToyEngine()
    main()
