"""ModelServerConfigs under tensorflow-serving-api's own protocol buffers.

serving_configs.py write FOLDER     writes configurations as text and as bytes, and prints what texts it refuses
serving_configs.py fields           prints the fields of the configuration's messages
serving_configs.py read FILE ...    prints the bytes of each text as it reads it, base64
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from serving_config_texts import RIGHT, WRONG, fields
from tensorflow_serving.config import file_system_storage_path_source_pb2, logging_config_pb2, model_server_config_pb2

MODULES = (model_server_config_pb2, file_system_storage_path_source_pb2, logging_config_pb2)


def configs() -> dict[str, Any]:
    """Configurations made with the generated classes."""
    empty = model_server_config_pb2.ModelServerConfig()
    models = model_server_config_pb2.ModelServerConfig()
    first = models.model_config_list.config.add(name="first", base_path="/models/first", model_platform="tensorflow")
    first.model_version_policy.latest.num_versions = 3
    second = models.model_config_list.config.add(name="zweites Modell é", base_path="/models/second", model_platform="tensorflow")
    second.model_version_policy.specific.versions.extend([1, 2**63 - 1])
    second.version_labels.update({"stable": 1, "canary": 2**63 - 1})
    second.logging_config.log_collector_config.type = "files"
    second.logging_config.sampling_config.sampling_rate = 0.25
    third = models.model_config_list.config.add(name="third", base_path="/models/third")
    third.model_type = model_server_config_pb2.TENSORFLOW
    third.model_version_policy.all.SetInParent()
    custom = model_server_config_pb2.ModelServerConfig()
    custom.custom_model_config.Pack(first)
    return {"empty": empty, "models": models, "custom": custom}


def read(text: str) -> str | None:
    """The bytes of a text, base64; None when it is refused."""
    try:
        message = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    except text_format.ParseError:
        return None
    return base64.b64encode(message.SerializeToString(deterministic=True)).decode()


def main() -> None:
    """See the module."""
    command, *rest = sys.argv[1:]
    if command == "fields":
        print(json.dumps({name: value for module in MODULES for name, value in _all_fields(module).items()}))
    elif command == "read":
        print(json.dumps([read(Path(file).read_text()) for file in rest]))
    else:
        folder = Path(rest[0])
        for name, message in configs().items():
            (folder / f"{name}.config").write_text(text_format.MessageToString(message, as_utf8=name == "models"))
            (folder / f"{name}.bytes").write_bytes(message.SerializeToString(deterministic=True))
        print(json.dumps({name: read(text) for name, text in (WRONG | RIGHT).items()}))


def _all_fields(module: Any) -> dict[str, Any]:
    return {name: value for message in module.DESCRIPTOR.message_types_by_name.values() for name, value in fields(message).items()}


if __name__ == "__main__":
    main()
