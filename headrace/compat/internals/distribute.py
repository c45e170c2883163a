"""tf.__internal__.distribute: merging the replicas of a strategy from inside of one."""

from headrace.compat.internals import interim as interim
from headrace.compat.internals.interim import strategy_supports_no_merge_call as strategy_supports_no_merge_call
