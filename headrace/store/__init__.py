"""A content-addressed store of files: whatever it hands out has the sha256 that it was asked for."""
