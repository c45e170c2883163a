"""Tests of Headrace; the folders mirror the rooms."""
