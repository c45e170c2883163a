"""tf.data.experimental: options, and older spellings of what are methods of Dataset."""

from headrace.data.pipeline.dataset import DatasetSpec as DatasetStructure
from headrace.data.pipeline.older import Counter as Counter
from headrace.data.pipeline.older import RandomDataset as RandomDataset
from headrace.data.pipeline.older import assert_cardinality as assert_cardinality
from headrace.data.pipeline.older import cardinality as cardinality
from headrace.data.pipeline.older import enumerate_dataset as enumerate_dataset
from headrace.data.pipeline.older import from_variant as from_variant
from headrace.data.pipeline.older import get_next_as_optional as get_next_as_optional
from headrace.data.pipeline.older import get_structure as get_structure
from headrace.data.pipeline.older import map_and_batch as map_and_batch
from headrace.data.pipeline.older import scan as scan
from headrace.data.pipeline.older import shuffle_and_repeat as shuffle_and_repeat
from headrace.data.pipeline.older import take_while as take_while
from headrace.data.pipeline.older import to_variant as to_variant
from headrace.data.pipeline.older import unbatch as unbatch
from headrace.data.pipeline.optional import Optional as Optional
from headrace.data.pipeline.optional import OptionalSpec as OptionalStructure
from headrace.data.pipeline.options import AutoShardPolicy as AutoShardPolicy
from headrace.data.pipeline.options import AutotuneAlgorithm as AutotuneAlgorithm
from headrace.data.pipeline.options import AutotuneOptions as AutotuneOptions
from headrace.data.pipeline.options import DistributeOptions as DistributeOptions
from headrace.data.pipeline.options import ExternalStatePolicy as ExternalStatePolicy
from headrace.data.pipeline.options import OptimizationOptions as OptimizationOptions
from headrace.data.pipeline.options import ThreadingOptions as ThreadingOptions
from headrace.data.pipeline.stage import INFINITE as INFINITE_CARDINALITY
from headrace.data.pipeline.stage import UNKNOWN as UNKNOWN_CARDINALITY
