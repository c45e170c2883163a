"""The OCI distribution protocol (version 1.1): models, and all else that its clients push and pull."""
