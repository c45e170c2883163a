"""Kubernetes objects of a model server."""
