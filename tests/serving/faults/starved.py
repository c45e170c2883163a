"""`headrace serve` that may take 12 GB of addresses, so that a model runs out of memory without taking the machine's."""

from __future__ import annotations

import resource

from headrace.cli.main import main

LIMIT = 12 << 30

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
    main()
