"""tf.saved_model.experimental."""

from headrace.state.tables import TableOwner as TrackableResource
