"""Calls over REST: paths, bodies and answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from google.protobuf.json_format import ParseDict, ParseError

from headrace.client.answers import Classes, Metadata, VersionStatus, metadata_of, statuses_of
from headrace.client.exchange import Exchange, Steps, Target
from headrace.client.rest import examples as heads
from headrace.client.rest import tensors
from headrace.core.errors import DataLossError, InvalidArgumentError
from headrace.core.spec import TensorSpec
from headrace.proto.messages import POOL
from headrace.proto.serving import GetModelStatusResponse, SignatureDefMap
from headrace.proto.tensors import Array

_DEFAULT_SIGNATURE = "serving_default"
_KNOWN_SECONDS = 10.0
_MAX_KNOWN = 256


class RestCalls:
    """TensorFlow Serving's REST API behind `prefix`.

    JSON has no dtypes, and a single output no name, so a predict call needs the signature. It is asked for once, and again when it
    is ten seconds old or an answer does not fit it.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._known: dict[Target, tuple[float, Metadata]] = {}
        self._lock = threading.Lock()

    def predict(self, target: Target, inputs: Mapping[str, Array], outputs: Sequence[str]) -> Steps[dict[str, Array]]:
        """The outputs by name."""
        body = tensors.request(target.signature, inputs)
        specs = yield from self._outputs(target, fresh=False)
        answer = tensors.load((yield Exchange(self._path(target) + ":predict", body)))
        if not isinstance(answer, dict) or "outputs" not in answer:
            raise DataLossError("the server's answer has no outputs")
        try:
            found = tensors.outputs(answer["outputs"], specs)
        except tensors.MisfitError:
            specs = yield from self._outputs(target, fresh=True)
            try:
                found = tensors.outputs(answer["outputs"], specs)
            except tensors.MisfitError as error:
                raise DataLossError(f"the server's answer does not fit the signature: {error}") from None
        for name in outputs:
            if name not in found:
                raise InvalidArgumentError(f"the signature has no output {name!r}; it has {sorted(found)}")
        return {name: found[name] for name in outputs or found}

    def classify(self, target: Target, examples: Sequence[Any], context: Any) -> Steps[list[Classes]]:
        """Labels and scores of each example."""
        body = heads.request(target.signature, examples, context)
        return heads.classes((yield Exchange(self._path(target) + ":classify", body)))

    def regress(self, target: Target, examples: Sequence[Any], context: Any) -> Steps[Array]:
        """A float32 for each example."""
        body = heads.request(target.signature, examples, context)
        return heads.values((yield Exchange(self._path(target) + ":regress", body)))

    def metadata(self, target: Target) -> Steps[Metadata]:
        """The signatures of a version."""
        content = tensors.load((yield Exchange(self._path(target) + "/metadata", method="GET")))
        try:
            version = int(content["model_spec"]["version"])
            signatures = ParseDict(
                content["metadata"]["signature_def"], SignatureDefMap(), ignore_unknown_fields=True, descriptor_pool=POOL
            )
        except (KeyError, TypeError, ValueError, ParseError) as error:
            raise DataLossError(f"the server's metadata of {target.model!r} cannot be read: {error!r:.200}") from None
        return metadata_of(target.model, version, signatures.signature_def)

    def status(self, target: Target) -> Steps[list[VersionStatus]]:
        """The state of each version."""
        content = tensors.load((yield Exchange(self._path(target), method="GET")))
        try:
            response = ParseDict(content, GetModelStatusResponse(), ignore_unknown_fields=True, descriptor_pool=POOL)
        except (TypeError, AttributeError, ParseError) as error:
            raise DataLossError(f"the server's status of {target.model!r} cannot be read: {error!r:.200}") from None
        return statuses_of(response)

    def live(self) -> Steps[bool]:
        """Whether the server lives."""
        yield Exchange(self._prefix + "/livez", method="GET")
        return True

    def ready(self) -> Steps[bool]:
        """Whether every model can be asked."""
        yield Exchange(self._prefix + "/readyz", method="GET")
        return True

    def _path(self, target: Target) -> str:
        path = f"{self._prefix}/v1/models/{quote(target.model, safe='')}"
        if target.version is not None:
            return f"{path}/versions/{target.version}"
        return f"{path}/labels/{quote(target.label, safe='')}" if target.label else path

    def _outputs(self, target: Target, fresh: bool) -> Steps[Mapping[str, TensorSpec]]:
        """The outputs of the signature; none where there is no such signature, which the server is left to say."""
        key = Target(target.model, target.version, target.label)
        with self._lock:
            found = self._known.get(key)
        now = time.monotonic()
        if found is None or fresh or now - found[0] > _KNOWN_SECONDS:
            found = now, (yield from self.metadata(key))
            with self._lock:
                self._known.pop(key, None)
                self._known[key] = found
                if len(self._known) > _MAX_KNOWN:
                    del self._known[next(iter(self._known))]
        signature = found[1].signatures.get(target.signature or _DEFAULT_SIGNATURE)
        return signature.outputs if signature else {}
