"""Variables: reading, assigning and the fused updates of optimizers."""
