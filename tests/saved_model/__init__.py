"""Tests of SavedModels."""
