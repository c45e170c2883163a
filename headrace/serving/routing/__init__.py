"""Which version answers a request that names none: splits, sticky users, shadow traffic, experiments and rollback."""
