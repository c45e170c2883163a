"""Datasets over files: records, lines, rows of CSV; and the lists of files that they read."""
