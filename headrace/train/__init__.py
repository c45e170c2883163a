"""tf.train."""

from headrace.checkpoint.manager import CheckpointManager as CheckpointManager
from headrace.checkpoint.reading import get_checkpoint_state as get_checkpoint_state
from headrace.checkpoint.reading import latest_checkpoint as latest_checkpoint
from headrace.checkpoint.reading import list_variables as list_variables
from headrace.checkpoint.reading import load_checkpoint as load_checkpoint
from headrace.checkpoint.reading import load_variable as load_variable
from headrace.checkpoint.store import Checkpoint as Checkpoint
from headrace.checkpoint.store import CheckpointOptions as CheckpointOptions
from headrace.proto.messages import BytesList as BytesList
from headrace.proto.messages import Example as Example
from headrace.proto.messages import Feature as Feature
from headrace.proto.messages import FeatureList as FeatureList
from headrace.proto.messages import FeatureLists as FeatureLists
from headrace.proto.messages import Features as Features
from headrace.proto.messages import FloatList as FloatList
from headrace.proto.messages import Int64List as Int64List
from headrace.proto.messages import SequenceExample as SequenceExample
from headrace.state.trackable_view import TrackableView as TrackableView
from headrace.train import experimental as experimental
