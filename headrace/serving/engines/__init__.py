"""What runs a model. `base` says what the server asks of an engine; each other file is one engine."""
