"""Pipelines that Headrace and real TensorFlow both run; each module has a dict CASES of name to a function of `tf`."""
