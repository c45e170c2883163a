"""tf.compat.v1.sparse: sparse tensors, as far as TensorFlow 2 has them under the same names."""

from headrace.sparse.counting import sparse_bincount as bincount
from headrace.sparse.crossing import cross as cross
from headrace.sparse.crossing import cross_hashed as cross_hashed
from headrace.sparse.functions import add as add
from headrace.sparse.functions import expand_dims as expand_dims
from headrace.sparse.functions import eye as eye
from headrace.sparse.functions import fill_empty_rows as fill_empty_rows
from headrace.sparse.functions import from_dense as from_dense
from headrace.sparse.functions import mask as mask
from headrace.sparse.functions import maximum as maximum
from headrace.sparse.functions import minimum as minimum
from headrace.sparse.functions import reorder as reorder
from headrace.sparse.functions import reset_shape as reset_shape
from headrace.sparse.functions import reshape as reshape
from headrace.sparse.functions import retain as retain
from headrace.sparse.functions import slice_ as slice
from headrace.sparse.functions import softmax as softmax
from headrace.sparse.functions import sparse_dense_matmul as sparse_dense_matmul
from headrace.sparse.functions import to_dense as to_dense
from headrace.sparse.functions import to_indicator as to_indicator
from headrace.sparse.functions import transpose as transpose
from headrace.sparse.tensor import SparseTensor as SparseTensor
