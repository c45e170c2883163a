"""What a SavedModel holds, how two of them differ, and the digest of a model's content; nothing is loaded or run."""
