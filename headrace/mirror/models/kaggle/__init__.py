"""Kaggle's models. Its client can no longer be sent to a mirror; its cache is filled instead."""
