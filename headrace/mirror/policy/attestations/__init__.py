"""Who published a file: attestations (PEP 740), verified without network, and the publishers that projects must have."""
