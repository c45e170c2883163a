"""Sparse and ragged tensors in SavedModels: what does not fit or is damaged is named."""

import numpy as np
import pytest

import headrace as tf
from headrace.core.errors import FailedPreconditionError, InvalidArgumentError, UnimplementedError
from headrace.proto.messages import StructuredValue
from headrace.saved_model import structure
from headrace.serving.engines.native import NativeEngine


class Model(tf.Module):
    @tf.function(input_signature=[tf.RaggedTensorSpec([None, None], tf.float32)])
    def double(self, x):
        return x * 2.0


@pytest.mark.parametrize(
    "spec",
    [
        tf.SparseTensorSpec([None, 3], tf.int64),
        tf.RaggedTensorSpec([2, None, 5, None], tf.string, row_splits_dtype=tf.int32),
        tf.RaggedTensorSpec(None, tf.float32, 2),
        tf.IndexedSlicesSpec([None, 2], tf.float32, tf.int32, None, [3]),
        tf.IndexedSlicesSpec([4, 2], tf.bfloat16, tf.int64, tf.int32),
    ],
)
def test_specs_come_back(spec):
    assert structure.decode(structure.encode((spec, [spec])), "x") == (spec, [spec])


def test_a_model_comes_back(tmp_path):
    tf.saved_model.save(Model(), tmp_path / "m")
    loaded = tf.saved_model.load(tmp_path / "m")
    assert loaded.double(tf.ragged.constant([[1.0], [2.0, 3.0]])).to_list() == [[2.0], [4.0, 6.0]]
    for wrong in (tf.constant([[1.0]]), tf.ragged.constant([[1]]), tf.ragged.constant([[[1.0]]])):
        with pytest.raises(InvalidArgumentError, match=r"the trace takes RaggedTensorSpec"):
            loaded.double(wrong)


def test_a_model_of_indexed_slices_comes_back(tmp_path):
    module = tf.Module()
    spec = tf.IndexedSlicesSpec([None, 2], tf.float32, tf.int32, tf.int32)
    module.double = tf.function(lambda x: tf.IndexedSlices(x.values * 2.0, x.indices, x.dense_shape), input_signature=[spec])
    tf.saved_model.save(module, tmp_path / "m")
    doubled = tf.saved_model.load(tmp_path / "m").double(tf.IndexedSlices(tf.ones([1, 2]), tf.constant([1]), tf.constant([2, 2])))
    assert isinstance(doubled, tf.IndexedSlices)
    assert np.array_equal(tf.convert_to_tensor(doubled).numpy(), [[0.0, 0.0], [2.0, 2.0]])


def test_a_damaged_spec_is_named():
    proto = structure.encode(tf.SparseTensorSpec([None], tf.float32))
    del proto.type_spec_value.type_state.tuple_value.values[1]
    with pytest.raises(InvalidArgumentError, match=r"m holds a SparseTensorSpec with the fields .*; expected shape, dtype"):
        structure.decode(proto, "m")
    proto = structure.encode(tf.RaggedTensorSpec([None, None]))
    proto.type_spec_value.type_state.tuple_value.values[2].int64_value = 7
    with pytest.raises(InvalidArgumentError, match="RaggedTensorSpec that cannot be"):
        structure.decode(proto, "m")


def test_a_spec_of_another_kind_is_refused():
    proto = StructuredValue()
    proto.type_spec_value.type_spec_class, proto.type_spec_value.type_spec_class_name = 5, "DatasetSpec"
    with pytest.raises(UnimplementedError, match="m holds a DatasetSpec; only plain, sparse and ragged tensors"):
        structure.decode(proto, "m")


def test_a_signature_with_a_composite_result_is_not_served(tmp_path):
    model = Model()
    model.total = tf.function(lambda x: {"total": tf.reduce_sum(x)}, input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    tf.saved_model.save(model, tmp_path / "1", signatures={"ragged": model.double, "total": model.total})
    served = NativeEngine().load(tmp_path / "1")
    assert set(served.signatures) == {"total"}
    assert served.run("total", {"x": np.float32([1, 2])}) == {"total": 3.0}
    tf.saved_model.save(model, tmp_path / "2", signatures=model.double)
    with pytest.raises(FailedPreconditionError, match=r"no signature .* sparse or ragged"):
        NativeEngine().load(tmp_path / "2")
