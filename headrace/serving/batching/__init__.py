"""Requests that wait for the model at the same time are run as one batch. See docs/serving.md."""
