"""Random numbers, stateless and stateful."""
