"""tf.distribute: strategies, and where in them the program is."""

from headrace.distribute import experimental as experimental
from headrace.distribute.context import get_replica_context as get_replica_context
from headrace.distribute.context import get_strategy as get_strategy
from headrace.distribute.context import has_strategy as has_strategy
from headrace.distribute.context import in_cross_replica_context as in_cross_replica_context
from headrace.distribute.options import HierarchicalCopyAllReduce as HierarchicalCopyAllReduce
from headrace.distribute.options import InputContext as InputContext
from headrace.distribute.options import InputOptions as InputOptions
from headrace.distribute.options import InputReplicationMode as InputReplicationMode
from headrace.distribute.options import NcclAllReduce as NcclAllReduce
from headrace.distribute.options import ReduceOp as ReduceOp
from headrace.distribute.options import ReductionToOneDevice as ReductionToOneDevice
from headrace.distribute.options import RunOptions as RunOptions
from headrace.distribute.replica import ReplicaContext as ReplicaContext
from headrace.distribute.strategy import MirroredStrategy as MirroredStrategy
from headrace.distribute.strategy import MultiWorkerMirroredStrategy as MultiWorkerMirroredStrategy
from headrace.distribute.strategy import OneDeviceStrategy as OneDeviceStrategy
from headrace.distribute.strategy import ParameterServerStrategy as ParameterServerStrategy
from headrace.distribute.strategy import Strategy as Strategy
from headrace.distribute.strategy import StrategyExtended as StrategyExtended
from headrace.distribute.strategy import TPUStrategy as TPUStrategy
from headrace.distribute.strategy import experimental_set_strategy as experimental_set_strategy
from headrace.distribute.values import DistributedDataset as DistributedDataset
from headrace.distribute.values import DistributedIterator as DistributedIterator
from headrace.distribute.values import DistributedValues as DistributedValues
