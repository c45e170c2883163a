"""Graphs of TensorFlow 1: one graph of nodes instead of functions, made into functions that the rest of Headrace reads."""
