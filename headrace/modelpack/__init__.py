"""Models as lists of files with digests: their names and versions, and the OCI manifests that describe them (CNCF ModelPack)."""
