"""Running: the eager executor, the lowering of graphs to XLA, executables, devices and randomness."""
