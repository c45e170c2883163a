"""Event files, which TensorBoard reads."""
