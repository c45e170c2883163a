"""The optimizer's options, by the names that `tf.config.optimizer.set_experimental_options` takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from headrace.core.errors import InvalidArgumentError

WITHOUT_EFFECT = frozenset(
    {
        "auto_parallel",
        "implementation_selector",
        "pin_to_host_optimization",
        "scoped_allocator_optimization",
        "use_plugin_optimizers",
    }
)
"""Names that are taken and reported back, but that switch nothing here: XLA does that work, or nothing does."""

AUTOCLUSTERING = "autoclustering"
"""TensorFlow's name for compiling parts of graphs by XLA."""


@dataclass(frozen=True)
class PassOptions:
    """Which passes run.

    Attributes:
        function_optimization: inline the bodies of called functions.
        shape_optimization: infer shapes anew and turn known ones into constants.
        constant_folding: compute what depends on constants alone.
        arithmetic_optimization: rewrite arithmetic and data movement.
        common_subgraph_elimination: compute equal expressions once.
        dependency_optimization: drop identities and no-ops.
        layout_optimizer: do convolutions with channels last on a CPU.
        loop_optimization: compute before a loop what is the same in every iteration.
        remapping: fuse products with bias and activation, attention and layer normalization, parsing with decoding; fold batch
            normalization.
        debug_stripper: drop assertions, numeric checks and prints.
        auto_mixed_precision: compute products and what lies between them in 16 bits: float16 on a GPU, bfloat16 elsewhere.
        auto_mixed_precision_onednn_bfloat16: the same, always in bfloat16.
        auto_mixed_precision_mkl: an older name of that.
        auto_mixed_precision_cpu: another one.
        disable_model_pruning: keep nodes that nothing needs.
        disable_meta_optimizer: change nothing at all.
        min_graph_nodes: leave graphs of fewer nodes alone.
    """

    function_optimization: bool = True
    shape_optimization: bool = True
    constant_folding: bool = True
    arithmetic_optimization: bool = True
    common_subgraph_elimination: bool = True
    dependency_optimization: bool = True
    layout_optimizer: bool = True
    loop_optimization: bool = True
    remapping: bool = True
    debug_stripper: bool = False
    auto_mixed_precision: bool = False
    auto_mixed_precision_onednn_bfloat16: bool = False
    auto_mixed_precision_mkl: bool = False
    auto_mixed_precision_cpu: bool = False
    disable_model_pruning: bool = False
    disable_meta_optimizer: bool = False
    min_graph_nodes: int = 0

    def enables(self, option: str) -> bool:
        """True when a pass that belongs to `option` runs; `disable_...` options turn theirs off."""
        value = bool(getattr(self, option))
        return not value if option.startswith("disable_") else value


class _Current:
    """The options in force for every graph optimized from now on, and those that the program set."""

    options = PassOptions()
    given: Mapping[str, Any] = {}
    jit = ""


def current() -> PassOptions:
    """The options in force."""
    return _Current.options


def set_experimental_options(options: Mapping[str, Any]) -> None:
    """Sets options, as `tf.config.optimizer.set_experimental_options` does; options not named keep their values.

    Graphs that were optimized before stay as they are.

    Args:
        options: option name -> bool (int for `min_graph_nodes`).

    Raises:
        InvalidArgumentError: an option is unknown or its value is of another type.
    """
    kinds = {field.name: type(getattr(PassOptions(), field.name)) for field in fields(PassOptions)}
    for name, value in options.items():
        if name not in kinds and name not in WITHOUT_EFFECT:
            known = ", ".join(sorted({*kinds, *WITHOUT_EFFECT}))
            raise InvalidArgumentError(f"the optimizer has no option {name!r}; it has {known}")
        kind = kinds.get(name, bool)
        if not isinstance(value, kind) or kind is int and isinstance(value, bool):
            raise InvalidArgumentError(f"optimizer option {name!r} must be {kind.__name__}; got {value!r} ({type(value).__name__})")
    _Current.options = replace(_Current.options, **{name: value for name, value in options.items() if name in kinds})
    _Current.given = {**_Current.given, **options}


def get_experimental_options() -> dict[str, Any]:
    """The options that `set_experimental_options` set, with their values; the two `disable_...` options always."""
    always = {name: getattr(_Current.options, name) for name in ("disable_model_pruning", "disable_meta_optimizer")}
    return {**always, **_Current.given}


def set_jit(enabled: bool | str) -> None:
    """Takes what TensorFlow takes, to be reported back by `get_jit`: here every graph is compiled by XLA anyway.

    Args:
        enabled: a bool or "autoclustering".

    Raises:
        InvalidArgumentError: it is neither.
    """
    if not isinstance(enabled, bool) and enabled != AUTOCLUSTERING:
        raise InvalidArgumentError(f"jit must be True, False or {AUTOCLUSTERING!r}; got {enabled!r}")
    _Current.jit = AUTOCLUSTERING if enabled else ""


def get_jit() -> str:
    """The name `autoclustering` when `set_jit` turned it on, else an empty string."""
    return _Current.jit


def reset() -> None:
    """Every option back to its default."""
    _Current.options, _Current.given, _Current.jit = PassOptions(), {}, ""
