"""`hub.KerasLayer`: a SavedModel as a layer of Keras."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Callable
from typing import Any

from headrace.core import nest
from headrace.core.errors import InvalidArgumentError
from headrace.hub.loading import load
from headrace.keras.binding import bind
from headrace.ops.array.identity import ensure_shape
from headrace.saved_model.restored import LoadedObject

logger = logging.getLogger(__name__)

_keras: Any = bind()


@_keras.utils.register_keras_serializable(package="hub")
class KerasLayer(_keras.layers.Layer):  # type: ignore[misc]
    """Calls a SavedModel, or any callable, on its inputs.

    Args:
        handle: as `hub.load` takes it, or a callable object, such as a model that is loaded. Only a layer with the former can be
            saved as a configuration.
        trainable: lets training change the model's variables, and calls it with `training=True` then, where it takes that. Not
            with a signature.
        arguments: more keyword arguments of each call; JSON values, if the layer is to be saved as a configuration.
        tags: of the graph to load.
        signature: the name of the signature to call, in place of the object itself.
        signature_outputs_as_dict: gives all outputs of the signature.
        output_key: gives this one of a dictionary of outputs. With a signature one of the two is needed.
        output_shape: of the outputs, without the batch: a tuple, or a structure of them; for models that do not say it themselves.
        load_options: a `tf.saved_model.LoadOptions`.
        **kwargs: as of any layer of Keras.

    Raises:
        ValueError: these do not go together, or the model does not have them.
    """

    def __init__(
        self,
        handle: str | Callable[..., Any],
        trainable: bool = False,
        arguments: dict[str, Any] | None = None,
        _sentinel: None = None,
        tags: Any = None,
        signature: str | None = None,
        signature_outputs_as_dict: bool | None = None,
        output_key: str | None = None,
        output_shape: Any = None,
        load_options: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable=trainable, autocast=False, **kwargs)
        loaded: Any = load(handle, tags=tags, options=load_options) if isinstance(handle, str) else handle
        old = bool(getattr(loaded, "_is_hub_module_v1", False))
        if old:
            signature = signature or "default"
            if not signature_outputs_as_dict:
                output_key = output_key or "default"
        if signature and (output_key is not None) == bool(signature_outputs_as_dict):
            raise InvalidArgumentError("with a signature either output_key or signature_outputs_as_dict=True has to be given")
        if not signature and signature_outputs_as_dict:
            raise InvalidArgumentError("signature_outputs_as_dict=True is of use with a signature only")
        self._handle = handle
        self._old = old
        self._options = _Options(arguments or {}, signature, signature_outputs_as_dict, output_key, output_shape)
        self._callable = _Function(_callable(loaded, signature, handle))
        self._loaded = _Function(loaded)
        self._takes_training = _takes_training(self._callable.function)
        self._check_trainable()
        self._track(loaded)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """The model's outputs."""
        self._check_trainable()
        options = self._options
        given = dict(options.arguments)
        positional = []
        if options.signature and isinstance(inputs, dict):
            given |= inputs
        else:
            positional = [inputs]
        if self._takes_training:
            given["training"] = bool(training) and self.trainable
        result = self._callable.function(*positional, **given)
        if options.output_key:
            result = _output(result, options.output_key)
        return _shaped(inputs, result, options.output_shape) if options.output_shape is not None else result

    def get_config(self) -> dict[str, Any]:
        """What the layer can be made from again.

        Raises:
            NotImplementedError: its handle is an object.
            ValueError: its arguments are no JSON.
        """
        if not isinstance(self._handle, str):
            raise NotImplementedError(
                f"a hub.KerasLayer can be saved as a configuration when its handle is a text; this one's is a {type(self._handle)}"
            )
        options = self._options
        own = {
            "handle": self._handle,
            "arguments": options.arguments,
            "signature": options.signature,
            "signature_outputs_as_dict": options.signature_outputs_as_dict,
            "output_key": options.output_key,
            "output_shape": options.output_shape,
        }
        found = {key: value for key, value in own.items() if value}
        try:
            json.dumps(found)
        except TypeError as error:
            raise InvalidArgumentError(
                f"the arguments of this hub.KerasLayer cannot be saved as a configuration: {error}"
            ) from None
        return {**super().get_config(), **found}

    @property
    def resolved_object(self) -> Any:
        """What the handle stands for: the loaded model."""
        return self._loaded.function

    def _check_trainable(self) -> None:
        if self.trainable and (self._old or self._options.signature):
            what = "a model in TF1 Hub format" if self._old else "a signature"
            raise InvalidArgumentError(f"hub.KerasLayer.trainable=True is not possible with {what}; set it to False")

    def _track(self, loaded: Any) -> None:
        """Makes the model's variables weights of this layer, and its losses losses."""
        trainable = list(getattr(loaded, "trainable_variables", []))
        known = {id(each) for each in trainable}
        for variable in [*trainable, *(each for each in getattr(loaded, "variables", []) if id(each) not in known)]:
            weight = _keras.Variable(
                variable,
                trainable=id(variable) in known,
                dtype=variable.dtype.name,
                shape=variable.shape,
                name=variable.name.partition(":")[0].replace("/", "_"),
                autocast=False,
            )
            self._track_variable(weight)
        if self.trainable and not trainable:
            logger.error("hub.KerasLayer is trainable, but its model has no variables to train")
        losses = list(getattr(loaded, "regularization_losses", []))
        if not all(callable(each) for each in losses):
            raise InvalidArgumentError("hub.KerasLayer expects regularization_losses of callables that give one number each")
        self._regularizers = tuple(losses)

    @property
    def losses(self) -> list[Any]:
        """Those of the model besides the layer's own, while it is trainable."""
        found: list[Any] = super().losses
        return [*found, *(each() for each in self._regularizers)] if self.trainable else found


class _Function:
    """Keeps Keras from looking into what it holds: the variables are tracked by us, each once."""

    def __init__(self, function: Any) -> None:
        self.function = function


class _Options:
    """What a layer was made with, apart from its handle."""

    def __init__(
        self,
        arguments: dict[str, Any],
        signature: str | None,
        signature_outputs_as_dict: bool | None,
        output_key: str | None,
        output_shape: Any,
    ) -> None:
        self.arguments = arguments
        self.signature = signature
        self.signature_outputs_as_dict = signature_outputs_as_dict
        self.output_key = output_key
        self.output_shape = _plain(output_shape)


def _plain(shape: Any) -> Any:
    """A shape, or a structure of them, as lists of numbers in dicts."""
    if shape is None:
        return None
    if isinstance(shape, dict):
        return {key: _plain(value) for key, value in shape.items()}
    if hasattr(shape, "as_list"):
        return shape.as_list()
    if isinstance(shape, list | tuple):
        return [_plain(each) if isinstance(each, list | tuple | dict) or hasattr(each, "as_list") else each for each in shape]
    return [shape]


def _callable(loaded: Any, signature: str | None, handle: Any) -> Callable[..., Any]:
    """What the layer calls."""
    own = vars(loaded).get("__call__") if isinstance(loaded, LoadedObject) else loaded
    if signature is None and own is not None and callable(own):
        return own  # type: ignore[no-any-return]
    signatures = getattr(loaded, "signatures", None)
    if signatures is None:
        raise InvalidArgumentError(f"{handle} {'has no signatures' if signature else 'cannot be called, and has no signatures'}")
    if signature is None:
        raise InvalidArgumentError(f"{handle} cannot be called itself; give a signature, one of {sorted(signatures)}")
    if signature not in signatures:
        raise InvalidArgumentError(f"{handle} has no signature {signature!r}; expected one of {sorted(signatures)}")
    return signatures[signature]  # type: ignore[no-any-return]


def _takes_training(function: Any) -> bool:
    """True when a function has a parameter `training`."""
    spec = getattr(function, "function_spec", None)
    try:
        return "training" in (spec.signature if spec is not None else inspect.signature(function)).parameters
    except (TypeError, ValueError):
        return False


def _output(result: Any, key: str) -> Any:
    if not isinstance(result, dict):
        raise InvalidArgumentError(f"output_key={key!r} was given, but the model gives a {type(result).__name__}, not a dict")
    if key not in result:
        raise InvalidArgumentError(f"the model gives no output {key!r}; expected one of {sorted(result)}")
    return result[key]


def _shaped(inputs: Any, result: Any, shape: Any) -> Any:
    """The outputs with the shape that was promised for them."""
    batch = nest.flatten(inputs)[0].shape[0]
    if isinstance(shape, dict):
        return {key: _shaped(inputs, result[key], each) for key, each in shape.items()}
    if any(isinstance(each, list | dict) for each in shape):
        return type(result)(_shaped(inputs, one, each) for one, each in zip(result, shape, strict=True))
    return ensure_shape(result, [batch, *shape])
