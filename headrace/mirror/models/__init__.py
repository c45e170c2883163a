"""Models: those published here, and the protocols by which they are given out."""
