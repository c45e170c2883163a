"""Odd texts of ModelServerConfigs, and what is compared of messages; used under the peer's Python and under ours."""

from __future__ import annotations

from typing import Any

WRONG = {
    "unknown_field": 'model_config_list { config { nam: "a" } }',
    "open_brace": "model_config_list { config {",
    "two_choices": "model_config_list {} custom_model_config {}",
    "twice": 'model_config_list { config { name: "a" name: "b" } }',
    "number_for_text": "model_config_list { config { name: 5 } }",
    "below_zero": "model_config_list { config { model_version_policy { latest { num_versions: -1 } } } }",
    "beyond_int64": "model_config_list { config { model_version_policy { specific { versions: 9223372036854775808 } } } }",
    "unknown_enum": "model_config_list { config { model_type: CAFFE } }",
}
RIGHT = {
    "comments": "# one\nmodel_config_list { # two\n}\n",
    "separators": "model_config_list: { config: { name: 'a', base_path: \"/b\"; model_platform: 'tensor' 'flow' } };",
    "angles": 'model_config_list < config < name: "a" > >',
    "list": "model_config_list { config [{ name: 'a' }, { name: 'b' }] }",
    "escapes": r'model_config_list { config { name: "\303\251\x41\n" } }',
    "numbers": "model_config_list { config { model_version_policy { specific { versions: [0x10, 010, 9223372036854775807] } } } }",
    "enum_number": "model_config_list { config { model_type: 1 } }",
}


def fields(message: Any) -> dict[str, Any]:
    """Number, type, label, choice and message type of every field, those of nested messages included."""
    found = {
        f"{message.full_name}.{field.name}": [
            field.number,
            field.type,
            field.is_repeated,
            field.containing_oneof.name if field.containing_oneof else None,
            field.message_type.full_name if field.message_type else None,
            {value.name: value.number for value in field.enum_type.values} if field.enum_type else None,
        ]
        for field in message.fields
    }
    for nested in message.nested_types:
        found |= fields(nested)
    return found
