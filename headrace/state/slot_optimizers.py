"""tf.compat.v1.train's optimizers: their statistics are slots, variables that belong to an optimizer and to another variable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from headrace.autodiff.tape import GradientTape
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.state.tracking import AutoTrackable
from headrace.state.variable import Variable

Number = float | Callable[[], Any] | Any
"""A number, a tensor, or a function without arguments that gives the present one."""


class SlotOptimizer(AutoTrackable):
    """Base of TensorFlow 1's optimizers; made for eager execution and tf.functions.

    Args:
        name: what the names of the slots end in.

    Raises:
        ValueError: the name is empty.
    """

    slot_values: Mapping[str, float] = MappingProxyType({})
    """The slots that each variable gets, in the order of their making, and what they are filled with."""

    def __init__(self, name: str) -> None:
        if not name:
            raise ValueError("an optimizer needs a name; give one, or leave out the argument")
        self._name = name
        self._self_slots: dict[str, dict[int, tuple[Variable, Variable]]] = {}

    def get_name(self) -> str:
        """The name."""
        return self._name

    def get_slot_names(self) -> list[str]:
        """The names of the slots that were made, sorted."""
        return sorted(self._self_slots)

    def get_slot(self, var: Variable, name: str) -> Variable | None:
        """The slot of a variable, None when it was not made."""
        found = self._self_slots.get(name, {}).get(id(var.handle.array))
        return None if found is None else found[1]

    def create_slot(self, var: Variable, name: str) -> Variable | None:
        """Makes a slot unless it is there; None when the optimizer has none of that name."""
        if name not in self.slot_values:
            return None
        held = self._self_slots.setdefault(name, {})
        found = held.get(id(var.handle.array))
        if found is None:
            number = list(self.slot_values).index(name)
            called = f"{var._name}/{self._name}{f'_{number}' if number else ''}"
            with context.init_scope():
                found = var, Variable(self._filled(var, self.slot_values[name]), trainable=False, name=called)
            held[id(var.handle.array)] = found
        return found[1]

    @staticmethod
    def _filled(var: Variable, value: float) -> Callable[[], Any]:
        shape = list(var.shape.concrete())
        return lambda: get("Fill")(shape, get("Cast")(value, DstT=var.dtype))

    def variables(self) -> list[Variable]:
        """The optimizer's own variables."""
        own = [value for _, value in sorted(vars(self).items()) if isinstance(value, Variable)]
        return own + [slot for held in self._self_slots.values() for _, slot in held.values()]

    def minimize(
        self,
        loss: Callable[[], Any],
        global_step: Variable | None = None,
        var_list: Sequence[Variable] | None = None,
        gate_gradients: int = 1,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        name: str | None = None,
        grad_loss: Any = None,
    ) -> None:
        """Computes the gradients of a loss and applies them; see `compute_gradients` and `apply_gradients`."""
        pairs = self.compute_gradients(loss, var_list, grad_loss=grad_loss)
        self.apply_gradients(pairs, global_step, name)

    def compute_gradients(
        self,
        loss: Callable[[], Any],
        var_list: Sequence[Variable] | None = None,
        gate_gradients: int = 1,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        grad_loss: Any = None,
    ) -> list[tuple[Any, Variable]]:
        """The gradient of each variable, None where the loss does not depend on it.

        Args:
            loss: a function without arguments that gives a tensor.
            var_list: the variables; by default the trainable ones that the loss reads.
            gate_gradients: without effect, like `aggregation_method` and `colocate_gradients_with_ops`.
            grad_loss: the gradient that flows into the loss.

        Raises:
            RuntimeError: `loss` is no function.
        """
        if not callable(loss):
            raise RuntimeError(f"the loss must be a function without arguments that computes it; got {loss!r}")
        with GradientTape() as tape:
            if var_list is not None:
                tape.watch(list(var_list))
            value = loss()
        variables = list(tape.watched_variables() if var_list is None else var_list)
        return list(zip(tape.gradient(value, variables, grad_loss), variables, strict=True))

    def apply_gradients(
        self, grads_and_vars: Iterable[tuple[Any, Variable]], global_step: Variable | None = None, name: str | None = None
    ) -> None:
        """Updates each variable by its gradient; IndexedSlices are applied as the dense gradients that they stand for.

        Args:
            grads_and_vars: pairs; those whose gradient is None are skipped.
            global_step: a variable that is counted up.

        Raises:
            ValueError: there are no variables, or none has a gradient.
        """
        pairs = [(gradient, variable) for gradient, variable in grads_and_vars]
        if not pairs:
            raise ValueError("no variables were given to optimize")
        present = [(convert_to_tensor(g), v) for g, v in pairs if g is not None]
        if not present:
            raise ValueError(f"no gradient was given for any of {len(pairs)} variables; check that the loss depends on them")
        with context.paused_tapes():
            with context.init_scope():
                self._prepare()
            for gradient, variable in present:
                slots = [self.create_slot(variable, slot) for slot in self.slot_values]
                self._update(variable, gradient, [slot.handle for slot in slots if slot is not None])
            self._finish()
            if global_step is not None:
                global_step.assign_add(1)

    def _prepare(self) -> None:
        """Makes what variables share."""

    def _finish(self) -> None:
        """Changes what variables share, after a step."""

    def _update(self, variable: Variable, gradient: Any, slots: list[Any]) -> None:
        raise NotImplementedError


def _cast(value: Number, variable: Variable) -> Any:
    """A hyperparameter as it is now, of the variable's dtype."""
    return get("Cast")(convert_to_tensor(value() if callable(value) else value), DstT=variable.dtype)


class GradientDescentOptimizer(SlotOptimizer):
    """Gradient descent."""

    def __init__(self, learning_rate: Number, use_locking: bool = False, name: str = "GradientDescent") -> None:
        super().__init__(name)
        self._self_rate = learning_rate

    def _update(self, variable: Variable, gradient: Any, slots: list[Any]) -> None:
        get("ResourceApplyGradientDescent").all(variable.handle, _cast(self._self_rate, variable), gradient)


class MomentumOptimizer(SlotOptimizer):
    """Gradient descent with momentum."""

    slot_values = MappingProxyType({"momentum": 0.0})

    def __init__(
        self, learning_rate: Number, momentum: Number, use_locking: bool = False, name: str = "Momentum", use_nesterov: bool = False
    ) -> None:
        super().__init__(name)
        self._self_values = learning_rate, momentum
        self._self_nesterov = use_nesterov

    def _update(self, variable: Variable, gradient: Any, slots: list[Any]) -> None:
        rate, momentum = (_cast(value, variable) for value in self._self_values)
        get("ResourceApplyMomentum").all(variable.handle, *slots, rate, gradient, momentum, use_nesterov=self._self_nesterov)


class AdamOptimizer(SlotOptimizer):
    """Adam (Kingma and Ba, 2014)."""

    slot_values = MappingProxyType({"m": 0.0, "v": 0.0})

    def __init__(
        self,
        learning_rate: Number = 0.001,
        beta1: Number = 0.9,
        beta2: Number = 0.999,
        epsilon: Number = 1e-8,
        use_locking: bool = False,
        name: str = "Adam",
    ) -> None:
        super().__init__(name)
        self._self_values = learning_rate, beta1, beta2, epsilon

    def _prepare(self) -> None:
        for key, beta in zip(("beta1_power", "beta2_power"), self._self_values[1:3], strict=False):
            if key not in vars(self):
                setattr(self, key, Variable(beta() if callable(beta) else beta, trainable=False, name=key))

    def _update(self, variable: Variable, gradient: Any, slots: list[Any]) -> None:
        powers = (_cast(vars(self)[key], variable) for key in ("beta1_power", "beta2_power"))
        get("ResourceApplyAdam").all(
            variable.handle, *slots, *powers, *(_cast(value, variable) for value in self._self_values), gradient
        )

    def _finish(self) -> None:
        for key, beta in zip(("beta1_power", "beta2_power"), self._self_values[1:3], strict=False):
            power = vars(self)[key]
            power.assign(power * _cast(beta, power))


class AdagradOptimizer(SlotOptimizer):
    """Adagrad (Duchi and others, 2011).

    Raises:
        ValueError: the initial value is not positive.
    """

    def __init__(
        self,
        learning_rate: Number,
        initial_accumulator_value: float = 0.1,
        use_locking: bool = False,
        name: str = "Adagrad",
    ) -> None:
        super().__init__(name)
        if initial_accumulator_value <= 0.0:
            raise ValueError(f"initial_accumulator_value must be positive; got {initial_accumulator_value}")
        self.slot_values = {"accumulator": initial_accumulator_value}
        self._self_rate = learning_rate

    def _update(self, variable: Variable, gradient: Any, slots: list[Any]) -> None:
        get("ResourceApplyAdagrad").all(variable.handle, *slots, _cast(self._self_rate, variable), gradient)


class AdadeltaOptimizer(SlotOptimizer):
    """Adadelta (Zeiler, 2012)."""

    slot_values = MappingProxyType({"accum": 0.0, "accum_update": 0.0})

    def __init__(
        self,
        learning_rate: Number = 0.001,
        rho: Number = 0.95,
        epsilon: Number = 1e-8,
        use_locking: bool = False,
        name: str = "Adadelta",
    ) -> None:
        super().__init__(name)
        self._self_values = learning_rate, rho, epsilon

    def _update(self, variable: Variable, gradient: Any, slots: list[Any]) -> None:
        values = (_cast(value, variable) for value in self._self_values)
        get("ResourceApplyAdadelta").all(variable.handle, *slots, *values, gradient)


class RMSPropOptimizer(SlotOptimizer):
    """RMSProp; `centered` divides by the running variance of the gradients."""

    def __init__(
        self,
        learning_rate: Number,
        decay: Number = 0.9,
        momentum: Number = 0.0,
        epsilon: Number = 1e-10,
        use_locking: bool = False,
        centered: bool = False,
        name: str = "RMSProp",
    ) -> None:
        super().__init__(name)
        self.slot_values = {"rms": 1.0, "mg": 0.0, "momentum": 0.0} if centered else {"rms": 1.0, "momentum": 0.0}
        self._self_centered = centered
        self._self_values = learning_rate, decay, momentum, epsilon

    def _update(self, variable: Variable, gradient: Any, slots: list[Any]) -> None:
        values = (_cast(value, variable) for value in self._self_values)
        if self._self_centered:
            mean_square, mean, momentum = slots
            get("ResourceApplyCenteredRMSProp").all(variable.handle, mean, mean_square, momentum, *values, gradient)
        else:
            get("ResourceApplyRMSProp").all(variable.handle, *slots, *values, gradient)
