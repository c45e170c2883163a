"""The versions that programs and libraries ask for."""

VERSION = "2.21.0"
"""The TensorFlow whose behaviour is the measure. Libraries decide by it what they may use."""
GIT_VERSION = "v2.21.0"
GRAPH_DEF_VERSION = 2474
GRAPH_DEF_VERSION_MIN_CONSUMER = 0
GRAPH_DEF_VERSION_MIN_PRODUCER = 0
