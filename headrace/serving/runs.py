"""What parts of the server that look at requests, and do not answer them, are told of each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from headrace.core.errors import OpError
from headrace.core.log_lines import fields
from headrace.serving.context import RequestContext
from headrace.serving.engines.base import Array

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Run:
    """A request that a version of a model has answered or refused.

    Attributes:
        model: its name.
        version: its version.
        signatures: those that ran, more than one for a multi-inference request.
        api: what metrics call the request, such as "Predict".
        inputs: by name, defaults included where the request was found good. Not to be changed.
        outputs: all that the model gave, by signature and name, whatever the request wanted of it; empty after an error.
        error: what the request ended with, if not with an answer.
        seconds: from the check of the inputs to the outputs, the wait for a batch included.
        context: the request's circumstances.
    """

    model: str
    version: int
    signatures: tuple[str, ...]
    api: str
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Mapping[str, Array]]
    error: OpError | None
    seconds: float
    context: RequestContext


AnswerListener = Callable[[str, RequestContext, str, float], None]
"""Is told the model, the context, the canonical code and the seconds of a request over the network; it must be as quick."""

RunListener = Callable[[Run], None]
"""Is told of a run, on the thread that answers the request: it must be quick, and do what takes time elsewhere."""


def tell_answer(listeners: Sequence[AnswerListener], model: str, context: RequestContext, code: str, seconds: float) -> None:
    """Tells all listeners. What one of them raises is logged: it must not change the answer."""
    for listener in listeners:
        try:
            listener(model, context, code, seconds)
        except Exception:
            logger.exception("a listener failed", extra=fields(model=model, version=context.version))


def tell(listeners: Sequence[RunListener], run: Run) -> None:
    """Tells all listeners. What one of them raises is logged: it must not change the answer."""
    for listener in listeners:
        try:
            listener(run)
        except Exception:
            logger.exception("a listener failed", extra=fields(model=run.model, version=run.version, api=run.api))
