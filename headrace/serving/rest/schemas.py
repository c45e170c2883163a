"""JSON Schemas of the REST API's requests and answers, for its OpenAPI document."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_BOOLEAN: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_STATES: Schema = {"type": "string", "enum": ["START", "LOADING", "AVAILABLE", "UNLOADING", "END"]}
_INT64: Schema = {"type": "string", "pattern": "^-?[0-9]+$", "description": "An int64, which JSON's numbers may not hold."}


def _object(required: dict[str, Schema], **optional: Schema) -> Schema:
    return {"type": "object", "properties": {**required, **optional}, "required": list(required)}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _map(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def reference(name: str) -> Schema:
    """A schema of `SCHEMAS`."""
    return {"$ref": f"#/components/schemas/{name}"}


_TENSOR_INFO = _object(
    {
        "dtype": _TEXT,
        "tensor_shape": _object({"dim": _list(_object({"size": _INT64, "name": _TEXT})), "unknown_rank": _BOOLEAN}),
        "name": _TEXT,
    }
)
_SIGNATURE = _object(
    {"inputs": _map(_TENSOR_INFO), "outputs": _map(_TENSOR_INFO), "method_name": _TEXT, "defaults": _map({"type": "object"})}
)
_V2_SHAPE = _list({"type": "integer"})
_V2_INFO = _list(_object({"name": _TEXT, "datatype": _TEXT, "shape": _V2_SHAPE}))
_V2_SIGNATURE = _object({"inputs": _V2_INFO, "outputs": _V2_INFO})
_V2_INPUT = _object(
    {"name": _TEXT, "shape": _list(_COUNT), "datatype": _TEXT},
    data={"type": "array", "description": "The elements, flat or nested; left out where they are binary data."},
    parameters=_object({}, binary_data_size=_COUNT),
)
_V2_OUTPUT = _object({"name": _TEXT}, parameters=_object({}, binary_data=_BOOLEAN))

SCHEMAS: dict[str, Schema] = {
    "Error": _object({"error": _TEXT}),
    "PredictRequest": {
        **_object(
            {},
            signature_name=_TEXT,
            instances={
                "type": "array",
                "minItems": 1,
                "description": "The rows: a value for a signature of one input, or objects.",
            },
            inputs={"description": "Whole tensors: the value for a signature of one input, or an object."},
        ),
        "oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}],
    },
    "PredictAnswer": {
        **_object({}, predictions={"type": "array", "description": "For `instances`."}, outputs={"description": "For `inputs`."}),
        "oneOf": [{"required": ["predictions"]}, {"required": ["outputs"]}],
        "description": "Floating-point outputs may hold NaN, Infinity and -Infinity, which stand bare and are no JSON.",
    },
    "ExamplesRequest": _object(
        {"examples": {**_list({"type": "object"}), "minItems": 1}}, signature_name=_TEXT, context={"type": "object"}
    ),
    "ClassifyAnswer": _object({"results": _list(_list({"type": "array", "minItems": 2, "maxItems": 2}))}),
    "RegressAnswer": _object({"results": _list({"type": "number"})}),
    "Status": _object(
        {
            "model_version_status": _list(
                _object({"version": _INT64, "state": _STATES, "status": _object({"error_code": _TEXT, "error_message": _TEXT})})
            )
        }
    ),
    "Metadata": _object(
        {
            "model_spec": _object({"name": _TEXT, "signature_name": _TEXT, "version": _INT64}),
            "metadata": _object({"signature_def": _object({"signature_def": _map(_SIGNATURE)})}),
        }
    ),
    "FeedbackRequest": _object(
        {"model": {"type": "string", "minLength": 1}, "outcome": {"type": ["number", "boolean"]}},
        request_id=_TEXT,
        key={"type": ["string", "number"]},
        variant=_TEXT,
    ),
    "FeedbackAnswer": _object({"model": _TEXT, "variant": _TEXT, "counted": _BOOLEAN}, reason=_TEXT),
    "ModelList": _object(
        {"models": _list({"allOf": [reference("Status"), _object({"name": _TEXT}, version_labels=_map(_INT64))]})},
    ),
    "InferRequest": _object(
        {"inputs": _list(_V2_INPUT)},
        id=_TEXT,
        outputs=_list(_V2_OUTPUT),
        parameters=_object({}, signature=_TEXT, priority=_COUNT, timeout=_COUNT, binary_data_output=_BOOLEAN),
    ),
    "InferAnswer": _object(
        {
            "model_name": _TEXT,
            "model_version": _INT64,
            "parameters": _object({"signature": _TEXT}),
            "outputs": _list(
                _object(
                    {"name": _TEXT, "datatype": _TEXT, "shape": _list(_COUNT)},
                    data={"type": "array"},
                    parameters=_object({"binary_data_size": _COUNT}),
                )
            ),
        },
        id=_TEXT,
    ),
    "ModelDescription": _object(
        {
            "name": _TEXT,
            "versions": _list(_INT64),
            "platform": _TEXT,
            "inputs": _V2_INFO,
            "outputs": _V2_INFO,
            "properties": _map(_TEXT),
            "signatures": _map(_V2_SIGNATURE),
        }
    ),
    "ModelReady": _object({"name": _TEXT, "ready": _BOOLEAN}),
    "Server": _object({"name": _TEXT, "version": _TEXT, "extensions": _list(_TEXT)}),
    "IndexRequest": _object({}, ready=_BOOLEAN),
    "Index": _list(_object({"name": _TEXT, "version": _INT64, "state": _TEXT, "reason": _TEXT})),
    "Live": _object({"live": {"const": True}}),
    "Ready": _object({"ready": _BOOLEAN, "draining": _BOOLEAN, "models_without_available_version": _list(_TEXT)}),
    "Document": _object({"openapi": _TEXT}),
}
"""By the name that `OPERATIONS` of openapi.py give."""
