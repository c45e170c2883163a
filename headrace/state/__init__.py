"""Things that live between steps: Variable, Module, the object graph that checkpoints and SavedModels follow, optimizers."""
