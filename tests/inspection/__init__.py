"""Tests of the inspection of models."""
