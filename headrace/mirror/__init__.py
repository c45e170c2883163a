"""A mirror of package indexes: what it hands out was verified to the last byte, and what it has once it has for good."""
