"""tensorflow.core.util.event_pb2: the messages of event files."""

from headrace.proto.messages import Event as Event
