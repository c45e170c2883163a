"""The message classes, under TensorFlow's names.

The classes live in a descriptor pool of our own, so that they never meet those of an imported TensorFlow. They are typed
`Any` because protobuf builds them at run time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from headrace.core import errors


def _load() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    files = descriptor_pb2.FileDescriptorSet.FromString((Path(__file__).parent / "descriptors.binpb").read_bytes())
    for file in files.file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


POOL = _load()
"""The private pool; JSON and text formats of messages that hold an `Any` need it as `descriptor_pool`."""


_CLASSES: dict[str, Any] = {}
"""Every class that was asked for, and those of the messages within.

protobuf makes the latter when they are first met and keeps no hold on them. When the garbage collector takes one away, which
happens in a process with many threads, protobuf 7.36 reads through a null pointer and the process ends.
"""


def message(full_name: str) -> Any:
    """The class of a message, such as `tensorflow.GraphDef`.

    Raises:
        KeyError: no text declares it.
    """
    pending = [POOL.FindMessageTypeByName(full_name)]
    while pending:
        descriptor = pending.pop()
        if descriptor.full_name not in _CLASSES:
            _CLASSES[descriptor.full_name] = message_factory.GetMessageClass(descriptor)
            pending += [field.message_type for field in descriptor.fields if field.message_type is not None]
    return _CLASSES[full_name]


def parse(kind: Any, data: bytes, what: str) -> Any:
    """`data` as a message of class `kind`; `what` names the source in the error.

    Raises:
        DataLossError: the bytes are no such message.
    """
    try:
        return kind.FromString(data)
    except DecodeError:
        name = kind.DESCRIPTOR.name
        raise errors.DataLossError(
            f"{what} is not a serialized {name} ({len(data)} bytes); the file is truncated or damaged"
        ) from None


def serialize(proto: Message) -> bytes:
    """The bytes of a message, the same for equal messages."""
    return proto.SerializeToString(deterministic=True)


TensorShapeProto = message("tensorflow.TensorShapeProto")
TensorProto = message("tensorflow.TensorProto")
AttrValue = message("tensorflow.AttrValue")
NameAttrList = message("tensorflow.NameAttrList")
NodeDef = message("tensorflow.NodeDef")
OpDef = message("tensorflow.OpDef")
OpList = message("tensorflow.OpList")
FunctionDef = message("tensorflow.FunctionDef")
FunctionDefLibrary = message("tensorflow.FunctionDefLibrary")
VersionDef = message("tensorflow.VersionDef")
GraphDef = message("tensorflow.GraphDef")

StructuredValue = message("tensorflow.StructuredValue")
TrackableObjectGraph = message("tensorflow.TrackableObjectGraph")
SavedObjectGraph = message("tensorflow.SavedObjectGraph")
SavedObject = message("tensorflow.SavedObject")
SavedConcreteFunction = message("tensorflow.SavedConcreteFunction")
VariableDef = message("tensorflow.VariableDef")
SaverDef = message("tensorflow.SaverDef")
CollectionDef = message("tensorflow.CollectionDef")
TensorInfo = message("tensorflow.TensorInfo")
SignatureDef = message("tensorflow.SignatureDef")
VariableDef = message("tensorflow.VariableDef")
AssetFileDef = message("tensorflow.AssetFileDef")
MetaGraphDef = message("tensorflow.MetaGraphDef")
SavedModel = message("tensorflow.SavedModel")
FingerprintDef = message("tensorflow.FingerprintDef")

TensorSliceProto = message("tensorflow.TensorSliceProto")
BundleHeaderProto = message("tensorflow.BundleHeaderProto")
BundleEntryProto = message("tensorflow.BundleEntryProto")

Event = message("tensorflow.Event")
SourceMetadata = message("tensorflow.SourceMetadata")
Summary = message("tensorflow.Summary")
SummaryDescription = message("tensorflow.SummaryDescription")
SummaryMetadata = message("tensorflow.SummaryMetadata")
RunMetadata = message("tensorflow.RunMetadata")

BytesList = message("tensorflow.BytesList")
FloatList = message("tensorflow.FloatList")
Int64List = message("tensorflow.Int64List")
Feature = message("tensorflow.Feature")
Features = message("tensorflow.Features")
FeatureList = message("tensorflow.FeatureList")
FeatureLists = message("tensorflow.FeatureLists")
Example = message("tensorflow.Example")
SequenceExample = message("tensorflow.SequenceExample")
