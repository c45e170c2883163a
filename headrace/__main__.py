"""`python -m headrace`: the `headrace` command."""

from headrace.cli.main import main

main()
