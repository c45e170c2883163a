"""tf.train.experimental: how checkpoints are spread over data files."""

from headrace.checkpoint.sharding import MaxShardSizePolicy as MaxShardSizePolicy
from headrace.checkpoint.sharding import ShardableTensor as ShardableTensor
from headrace.checkpoint.sharding import ShardByTaskPolicy as ShardByTaskPolicy
from headrace.checkpoint.sharding import ShardingCallback as ShardingCallback
