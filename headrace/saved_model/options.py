"""What may be chosen when a SavedModel is written or read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headrace.core.errors import UnimplementedError


class SaveOptions:
    """Choices of `tf.saved_model.save`.

    Args:
        namespace_whitelist, save_debug_info, experimental_debug_stripper, experimental_io_device: without effect: ops of no
            other library are saved, assertions stay, and files are written from this process.
        function_aliases: names by which other programs know functions, each with the tf.function it stands for.
        experimental_variable_policy: how variables know their devices; only that they do not (None or "none").
        experimental_custom_gradients: also saves the gradients that functions were given by `tf.custom_gradient`.
        experimental_image_format, experimental_skip_saver, experimental_sharding_callback, extra_tags: only as they are.

    Raises:
        UnimplementedError: a choice that would make another kind of file.
    """

    def __init__(
        self,
        namespace_whitelist: Sequence[str] | None = None,
        save_debug_info: bool = False,
        function_aliases: Mapping[str, Any] | None = None,
        experimental_debug_stripper: bool = False,
        experimental_io_device: str | None = None,
        experimental_variable_policy: Any = None,
        experimental_custom_gradients: bool = True,
        experimental_image_format: bool = False,
        experimental_skip_saver: bool = False,
        experimental_sharding_callback: Any = None,
        extra_tags: Any = None,
    ) -> None:
        _refuse(
            "SaveOptions",
            "make files that Headrace does not write",
            experimental_variable_policy=experimental_variable_policy not in (None, "none"),
            experimental_image_format=experimental_image_format,
            experimental_skip_saver=experimental_skip_saver,
            experimental_sharding_callback=experimental_sharding_callback is not None,
            extra_tags=bool(extra_tags),
        )
        self.function_aliases = function_aliases
        self.experimental_custom_gradients = experimental_custom_gradients


class LoadOptions:
    """Choices of `tf.saved_model.load`: all of them as they are by default; `experimental_io_device` has no effect.

    Raises:
        UnimplementedError: a choice that would load only a part of the model.
    """

    def __init__(
        self,
        allow_partial_checkpoint: bool = False,
        experimental_io_device: str | None = None,
        experimental_skip_checkpoint: bool = False,
        experimental_variable_policy: Any = None,
        experimental_load_function_aliases: bool = False,
    ) -> None:
        _refuse(
            "LoadOptions",
            "load a model in another way than Headrace does",
            allow_partial_checkpoint=allow_partial_checkpoint,
            experimental_skip_checkpoint=experimental_skip_checkpoint,
            experimental_variable_policy=experimental_variable_policy not in (None, "none"),
            experimental_load_function_aliases=experimental_load_function_aliases,
        )


def _refuse(options: str, what: str, **asked: bool) -> None:
    refused = ", ".join(name for name, given in asked.items() if given)
    if refused:
        raise UnimplementedError(f"{options}({refused}) would {what}; leave it out")
