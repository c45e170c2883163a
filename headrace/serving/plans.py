"""What is the same for all requests for one signature of a loaded version, worked out once."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence

from headrace.serving.batching.batcher import Batcher
from headrace.serving.batching.tensors import Layout
from headrace.serving.checks import check_method, complete_inputs, wanted_outputs
from headrace.serving.engines.base import Array, Signature

_FORM = operator.attrgetter("dtype", "shape")
MOST_LAYOUTS = 256
"""Input shapes of a signature that are known to be good; when there are more, all are forgotten and found anew."""


class Plan:
    """How requests for one signature are checked and run.

    Args:
        name: the signature's.
        signature: what it takes and gives.
        batcher: batches its requests; None where the version has none, or not for this one.
        check_methods: see `Servable`.
    """

    __slots__ = ("_batcher", "_check_methods", "_known", "_outputs", "_signature", "name")

    def __init__(self, name: str, signature: Signature, batcher: Batcher | None, check_methods: bool) -> None:
        self.name = name
        self._signature = signature
        self._batcher = batcher
        self._check_methods = check_methods
        self._outputs = sorted(signature.outputs)
        self._known: dict[object, Layout | None] = {}

    @property
    def batcher(self) -> Batcher | None:
        """What batches requests; None when they run one by one."""
        batcher = self._batcher
        return batcher if batcher is not None and batcher.batches(self.name) else None

    def check(self, inputs: Mapping[str, Array]) -> tuple[Mapping[str, Array], Layout | None]:
        """The inputs with the signature's defaults for those left out, and for a signature that is batched, their layout.

        Raises:
            InvalidArgumentError: names, dtypes or shapes do not match the signature.
            InternalError: the signature's method name is none of those that can be run.
        """
        if self._check_methods:
            check_method(self._signature)
        try:
            return inputs, self._known[_key(inputs)]
        except KeyError:
            return self._look(inputs)

    def wanted(self, output_filter: Sequence[str]) -> Sequence[str]:
        """The outputs that a filter picks; see `wanted_outputs`."""
        return wanted_outputs(self._signature, output_filter) if output_filter else self._outputs

    def _look(self, inputs: Mapping[str, Array]) -> tuple[Mapping[str, Array], Layout | None]:
        """As `check`, for inputs whose like has not been seen, or which lack some."""
        complete = complete_inputs(self._signature, inputs)
        layout = self._batcher.layout(complete) if self._batcher is not None else None
        if len(self._known) >= MOST_LAYOUTS:
            self._known = {}
        self._known[_key(complete)] = layout
        return complete, layout


def _key(inputs: Mapping[str, Array]) -> tuple[object, ...]:
    """The names of inputs, then the dtype and shape of each."""
    return (*inputs, *map(_FORM, inputs.values()))
