"""The mirror against others, and against none: `python -m benchmarks.mirror.installs`, `.files`, `.pages` and `.crowd`."""
