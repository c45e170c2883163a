"""`headrace serve` in a process of its own, with the toy engine in place of Headrace's runtime."""

from __future__ import annotations

from headrace.cli.main import main
from headrace.serving import server
from tests.serving.toy import ToyEngine

if __name__ == "__main__":
    server.ServingEngine = lambda *_: ToyEngine()
    main()
