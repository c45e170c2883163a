"""Tests of SavedModels and TensorBundles."""
