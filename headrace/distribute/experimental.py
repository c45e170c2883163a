"""tf.distribute.experimental: earlier names."""

from headrace.distribute.options import CommunicationImplementation as CollectiveCommunication
from headrace.distribute.options import CommunicationImplementation as CommunicationImplementation
from headrace.distribute.options import CommunicationOptions as CommunicationOptions
from headrace.distribute.strategy import MultiWorkerMirroredStrategy as MultiWorkerMirroredStrategy
from headrace.distribute.strategy import ParameterServerStrategy as ParameterServerStrategy
from headrace.distribute.strategy import TPUStrategy as TPUStrategy
