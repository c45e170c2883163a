"""tf.ragged: tensors whose rows differ in length."""

from headrace.ragged import overrides as _overrides
from headrace.ragged.functions import boolean_mask as boolean_mask
from headrace.ragged.functions import constant as constant
from headrace.ragged.functions import map_flat_values as map_flat_values
from headrace.ragged.functions import range_ as range
from headrace.ragged.functions import row_splits_to_segment_ids as row_splits_to_segment_ids
from headrace.ragged.functions import segment_ids_to_row_splits as segment_ids_to_row_splits
from headrace.ragged.functions import stack as stack
from headrace.ragged.functions import stack_dynamic_partitions as stack_dynamic_partitions
