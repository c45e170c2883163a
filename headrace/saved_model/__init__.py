"""SavedModel: reading and writing models in TensorFlow's format. Re-exports what `tf.saved_model` offers."""

from headrace.saved_model.loader import contains_saved_model as contains_saved_model
from headrace.saved_model.loader import load as load
from headrace.saved_model.writer import SaveOptions as SaveOptions
from headrace.saved_model.writer import save as save
from headrace.state.assets import Asset as Asset
