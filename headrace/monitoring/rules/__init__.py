"""Prometheus rules: what is computed beforehand, and when to call somebody."""
