"""SGD and Adam over TensorFlow's fused update ops. They serve until Keras is bound; its names and defaults are kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.state.tracking import AutoTrackable, children_came
from headrace.state.variable import Variable


class Optimizer(AutoTrackable):
    """Base of the optimizers: slots, the learning rate and the step counter are variables and are checkpointed.

    Args:
        learning_rate: a number, or a function without arguments that gives the present one.
    """

    slot_names: tuple[str, ...] = ()

    def __init__(self, learning_rate: Any, name: str) -> None:
        self._name = name
        self._schedule = learning_rate if callable(learning_rate) else None
        initial = 0.0 if self._schedule is not None else learning_rate
        self._learning_rate = Variable(initial, trainable=False, name="learning_rate", dtype=dtypes.float32)
        self.iterations = Variable(0, trainable=False, name="iterations", dtype=dtypes.int64)
        self._slots: dict[str, list[Variable]] = {name: [] for name in self.slot_names}
        self._index: dict[int, int] = {}

    @property
    def learning_rate(self) -> Any:
        """The learning rate: a variable, assignable, or what the schedule gives now."""
        return self._learning_rate if self._schedule is None else self._schedule()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if self._schedule is not None:
            raise TypeError("the learning rate is given by a schedule and cannot be set; make a new optimizer instead")
        self._learning_rate.assign(value)

    @property
    def variables(self) -> list[Variable]:
        """The optimizer's own variables."""
        return [self.iterations, self._learning_rate, *(v for slots in self._slots.values() for v in slots)]

    def build(self, variables: Iterable[Variable]) -> None:
        """Makes the slots of variables that have none yet."""
        for variable in variables:
            if id(variable.handle.array) in self._index:
                continue
            self._index[id(variable.handle.array)] = len(self._index)
            for slot in self.slot_names:
                self._slots[slot].append(self._make_slot(variable, slot))
        children_came(self)

    def get_slot_names(self) -> list[str]:
        """The names of the slots."""
        return list(self.slot_names)

    def get_slot(self, var: Variable, name: str) -> Variable | None:
        """The slot of a variable, None when it was not made."""
        place = self._index.get(id(var.handle.array))
        return None if place is None or name not in self._slots else self._slots[name][place]

    def create_slot(self, var: Variable, name: str) -> Variable | None:
        """Makes the slots of a variable unless they are there; None when the optimizer has none of that name."""
        self.build([var])
        return self.get_slot(var, name)

    def other_names(self) -> dict[str, Any]:
        """The step counter and the learning rate, as optimizers of Keras 2 call them."""
        return {"iter": self.iterations, "learning_rate": self._learning_rate}

    def _make_slot(self, variable: Variable, slot: str) -> Variable:
        shape = list(variable.shape.concrete())
        return Variable(
            lambda: get("Fill")(shape, get("Cast")(0.0, DstT=variable.dtype)), trainable=False, name=f"{variable._name}/{slot}"
        )

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]], name: str | None = None) -> Variable:
        """Updates each variable by its gradient.

        Args:
            grads_and_vars: pairs; a gradient has the shape and dtype of its variable, or is IndexedSlices. Pairs whose
                gradient is None are skipped.

        Returns:
            The step counter.

        Raises:
            ValueError: no pair has a gradient.
        """
        pairs = [(g, v) for g, v in grads_and_vars]
        present = [(convert_to_tensor(g), v) for g, v in pairs if g is not None]
        if not present:
            raise ValueError(f"no gradient was given for any of {len(pairs)} variables; check that the loss depends on them")
        self.build(v for _, v in pairs)
        with context.paused_tapes():
            scalars: dict[DType, tuple[Any, ...]] = {}
            for gradient, variable in present:
                if variable.dtype not in scalars:
                    scalars[variable.dtype] = self._scalars(variable.dtype)
                slots = [self._slots[s][self._index[id(variable.handle.array)]] for s in self.slot_names]
                self._update(variable, gradient, slots, *scalars[variable.dtype])
                if variable.constraint is not None:
                    variable.assign(variable.constraint(variable))
            self.iterations.assign_add(1)
        return self.iterations

    def minimize(self, loss: Any, var_list: Any, tape: Any) -> Variable:
        """Computes gradients of `loss` by `tape` and applies them."""
        return self.apply_gradients(zip(tape.gradient(loss, var_list), var_list, strict=True))

    def _scalars(self, dtype: DType) -> tuple[Any, ...]:
        """What one step's updates of variables of a dtype share: the learning rate first."""
        return (get("Cast")(convert_to_tensor(self.learning_rate), DstT=dtype),)

    def _update(self, variable: Variable, gradient: Any, slots: list[Variable], *scalars: Any) -> None:
        raise NotImplementedError


class SGD(Optimizer):
    """Gradient descent, with momentum where it is not 0."""

    def __init__(self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False, name: str = "SGD") -> None:
        self.momentum = momentum
        self.nesterov = nesterov
        self.slot_names = ("momentum",) if momentum else ()
        super().__init__(learning_rate, name)

    def _scalars(self, dtype: DType) -> tuple[Any, ...]:
        return (*super()._scalars(dtype), get("Cast")(self.momentum, DstT=dtype))

    def _update(self, variable: Variable, gradient: Any, slots: list[Variable], *scalars: Any) -> None:
        rate, momentum = scalars
        if slots:
            handles = variable.handle, slots[0].handle
            get("ResourceApplyKerasMomentum").all(*handles, rate, gradient, momentum, use_nesterov=self.nesterov)
        else:
            get("ResourceApplyGradientDescent").all(variable.handle, rate, gradient)


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2014)."""

    slot_names = ("m", "v")

    def __init__(
        self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7, name: str = "Adam"
    ) -> None:
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        super().__init__(learning_rate, name)

    def _scalars(self, dtype: DType) -> tuple[Any, ...]:
        cast = get("Cast")
        step = cast(self.iterations + 1, DstT=dtype)
        beta_1, beta_2, epsilon = (cast(x, DstT=dtype) for x in (self.beta_1, self.beta_2, self.epsilon))
        return (beta_1**step, beta_2**step, *super()._scalars(dtype), beta_1, beta_2, epsilon)

    def _update(self, variable: Variable, gradient: Any, slots: list[Variable], *scalars: Any) -> None:
        get("ResourceApplyAdam").all(variable.handle, *(slot.handle for slot in slots), *scalars, gradient)
