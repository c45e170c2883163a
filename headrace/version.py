"""tf.version: the TensorFlow that Headrace is measured by."""

from headrace.core.version import GIT_VERSION as GIT_VERSION
from headrace.core.version import GRAPH_DEF_VERSION as GRAPH_DEF_VERSION
from headrace.core.version import GRAPH_DEF_VERSION_MIN_CONSUMER as GRAPH_DEF_VERSION_MIN_CONSUMER
from headrace.core.version import GRAPH_DEF_VERSION_MIN_PRODUCER as GRAPH_DEF_VERSION_MIN_PRODUCER
from headrace.core.version import VERSION as VERSION
