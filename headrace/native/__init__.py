"""A few loops over bytes in C, compiled at first use; each has a twin in Python that is used where there is no compiler."""
