"""tf.random.Generator: a stream of random numbers whose place is a variable."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.shapes import as_shape
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor
from headrace.ops.random.algorithms import Algorithm, algorithm_number
from headrace.ops.random.generators import STATE_SIZE
from headrace.state.tracking import AutoTrackable
from headrace.state.variable import Variable

_SIZES = {Algorithm.PHILOX.value: STATE_SIZE, Algorithm.THREEFRY.value: 2, Algorithm.AUTO_SELECT.value: STATE_SIZE}
_MASK = 2**64 - 1


def _size(alg: int) -> int:
    if alg not in _SIZES:
        raise ValueError(f"a random algorithm has one of the numbers {', '.join(map(str, _SIZES))}; got {alg}")
    return _SIZES[alg]


def _signed(value: Any) -> Any:
    """Integers of 64 bits without sign as those with the same bits and a sign."""
    if isinstance(value, list | tuple):
        return [_signed(item) for item in value]
    return value - 2**64 if isinstance(value, int) and value >= 2**63 else value


def _state_tensor(value: Any) -> Tensor:
    converted: Tensor = get("Cast")(convert_to_tensor(_signed(value)), DstT=dtypes.int64)
    return converted


def _fitting(state: Tensor, size: int) -> Tensor:
    if not state.shape.is_compatible_with([size]):
        raise ValueError(f"the state of this algorithm has shape [{size}]; got {state.shape}")
    return state


def create_rng_state(seed: Any, alg: Any) -> Tensor:
    """The state, int64, that a seed stands for.

    Args:
        seed: an integer of any size, or a vector of integers.
        alg: "philox", "threefry", an Algorithm, or its number.

    Raises:
        ValueError: there is no such algorithm, or the length of the seed is not known.
    """
    size = _size(algorithm_number(alg))
    if isinstance(seed, int):
        seed = [(seed >> (64 * place)) & _MASK for place in range(size)]
    words = get("Reshape")(_state_tensor(seed), [-1])[:size]
    length = words.shape[0]
    if length is None:
        raise ValueError("a seed that is a tensor has a known number of elements; its shape is unknown")
    state: Tensor = get("Pad")(words, [[size - length, 0]])
    return state


def _joined(key: Any, counter: Any, size: int) -> Tensor:
    counter = _fitting(_state_tensor(counter), size - 1)
    key = _state_tensor(key)
    if not key.shape.is_compatible_with([]):
        raise ValueError(f"the key of a generator is a scalar; got shape {key.shape}")
    state: Tensor = get("ConcatV2")([counter, get("Reshape")(key, [1])], 0)
    return state


class Generator(AutoTrackable):
    """A stream of random numbers; its state is a variable, so that checkpoints hold it and functions go on with it.

    Args:
        copy_from: a generator to start level with; excludes the other two.
        state: the state to start from, or a variable to use as state.
        alg: "philox" (or "auto_select", the same), an Algorithm, or its number.

    Raises:
        ValueError: the state does not fit the algorithm, or too much or too little is given.
    """

    def __init__(self, copy_from: Generator | None = None, state: Any = None, alg: Any = None) -> None:
        if copy_from is not None:
            if state is not None or alg is not None:
                raise ValueError("give a generator to copy, or a state and an algorithm, not both")
            self._alg: int = copy_from.algorithm
            self._state_var = Variable(copy_from.state, trainable=False, dtype=dtypes.int64, name="StateVar")
            return
        if state is None or alg is None:
            raise ValueError("give a state and an algorithm, or use Generator.from_seed")
        self._alg = algorithm_number(alg)
        size = _size(self._alg)
        if isinstance(state, Variable):
            if not state.shape.is_compatible_with([size]):
                raise ValueError(f"the state of this algorithm has shape [{size}]; got {state.shape}")
            self._state_var = state
        else:
            start = _fitting(_state_tensor(state), size)
            self._state_var = Variable(start, trainable=False, dtype=dtypes.int64, name="StateVar")

    @classmethod
    def from_state(cls, state: Any, alg: Any) -> Generator:
        """A generator of a state and its algorithm."""
        return cls(state=state, alg=alg)

    @classmethod
    def from_seed(cls, seed: Any, alg: Any = None) -> Generator:
        """A generator of a seed: an integer of any size, or a vector of integers."""
        alg = Algorithm.PHILOX if alg is None else alg
        return cls(state=create_rng_state(seed, alg), alg=alg)

    @classmethod
    def from_non_deterministic_state(cls, alg: Any = None) -> Generator:
        """A generator that starts anywhere."""
        alg = algorithm_number(Algorithm.PHILOX if alg is None else alg)
        return cls(state=get("NonDeterministicInts")(np.array([_size(alg)], np.int64)), alg=alg)

    @classmethod
    def from_key_counter(cls, key: Any, counter: Any, alg: Any) -> Generator:
        """A generator of a key (a scalar) and a counter (Philox: two integers)."""
        number = algorithm_number(alg)
        return cls(state=_joined(key, counter, _size(number)), alg=number)

    @property
    def state(self) -> Variable:
        """The variable that holds the state: the counter's words, then the key."""
        return self._state_var

    @property
    def algorithm(self) -> int:
        """The algorithm's number."""
        return self._alg

    @property
    def key(self) -> Tensor:
        """The key, a scalar int64."""
        return self._state_var.read_value()[-1]

    def reset(self, state: Any) -> None:
        """Goes on from another state."""
        self._state_var.assign(_fitting(_state_tensor(state), _size(self._alg)))

    def reset_from_seed(self, seed: Any) -> None:
        """Goes on from the state of a seed."""
        self._state_var.assign(create_rng_state(seed, self._alg))

    def reset_from_key_counter(self, key: Any, counter: Any) -> None:
        """Goes on from a key and a counter."""
        self._state_var.assign(_joined(key, counter, _size(self._alg)))

    def skip(self, delta: Any) -> Tensor:
        """Goes on by as much as `delta` numbers take; returns the state before."""
        count = get("Cast")(convert_to_tensor(delta), DstT=dtypes.uint64)
        before: Tensor = get("RngReadAndSkip")(self._state_var.handle, self._alg, count)
        return before

    def _drawn(self, op_name: str, shape: Any, *given: Any, **attrs: Any) -> Tensor:
        """Numbers of a stateless op, which takes the key and counter of the state that is passed over."""
        dims = convert_to_tensor(shape, dtypes.int64 if isinstance(shape, list | tuple) and not shape else None)
        before = self.skip(get("Prod")(dims, [0]))
        words = get("Bitcast")(before, type=dtypes.uint64)
        drawn: Tensor = get(op_name)(dims, words[-1:], words[:-1], self._alg, *given, **attrs)
        return drawn

    def normal(
        self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32, name: str | None = None
    ) -> Tensor:
        """Normally distributed numbers."""
        drawn = self._drawn("StatelessRandomNormalV2", shape, dtype=dtypes.as_dtype(dtype), name=name)
        return drawn * convert_to_tensor(stddev, drawn.dtype) + convert_to_tensor(mean, drawn.dtype)

    def truncated_normal(
        self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32, name: str | None = None
    ) -> Tensor:
        """Normally distributed numbers within two standard deviations of the mean."""
        drawn = self._drawn("StatelessTruncatedNormalV2", shape, dtype=dtypes.as_dtype(dtype), name=name)
        return drawn * convert_to_tensor(stddev, drawn.dtype) + convert_to_tensor(mean, drawn.dtype)

    def uniform(
        self, shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = dtypes.float32, name: str | None = None
    ) -> Tensor:
        """Uniform numbers in [minval, maxval): floats in [0, 1) by default, integers of the whole range where both are None.

        Raises:
            ValueError: one bound of integers is missing.
        """
        kind = dtypes.as_dtype(dtype)
        if kind.is_integer:
            if (minval is None) != (maxval is None):
                raise ValueError(f"uniform of {kind.name} takes both minval and maxval, or None for both")
            if minval is None:
                return self.uniform_full_int(shape, kind, name)
            bounds = convert_to_tensor(minval, kind), convert_to_tensor(maxval, kind)
            return self._drawn("StatelessRandomUniformIntV2", shape, *bounds, name=name)
        low, high = convert_to_tensor(minval, kind), convert_to_tensor(1 if maxval is None else maxval, kind)
        return self._drawn("StatelessRandomUniformV2", shape, dtype=kind, name=name) * (high - low) + low

    def uniform_full_int(self, shape: Any, dtype: Any = dtypes.uint64, name: str | None = None) -> Tensor:
        """Integers of the dtype's whole range."""
        return self._drawn("StatelessRandomUniformFullIntV2", shape, dtype=dtypes.as_dtype(dtype), name=name)

    def binomial(self, shape: Any, counts: Any, probs: Any, dtype: Any = dtypes.int32, name: str | None = None) -> Tensor:
        """Successes in `counts` trials of chance `probs`; the last dimensions of `shape` are those of both broadcast."""
        given = convert_to_tensor(shape), convert_to_tensor(counts), convert_to_tensor(probs)
        kind = dtypes.as_dtype(dtype)
        drawn: Tensor = get("StatefulRandomBinomial")(self._state_var.handle, self._alg, *given, dtype=kind, name=name)
        return drawn

    def make_seeds(self, count: int = 1) -> Tensor:
        """Seeds for stateless functions, int64 [2, count]: column i is a seed."""
        keys = self.uniform_full_int([count], dtypes.int64)
        seeds: Tensor = get("Pack")([keys, get("ZerosLike")(keys)])
        return seeds

    def split(self, count: int = 1) -> list[Generator]:
        """Generators that are independent of this one and of each other."""
        keys = self.uniform_full_int([count], dtypes.int64)
        zeros = [0] * (_size(self._alg) - 1)
        return [Generator.from_key_counter(keys[i], zeros, self._alg) for i in range(count)]


_global: list[Generator] = []


def get_global_generator() -> Generator:
    """The generator that everyone shares; made with a state of its own at the first call."""
    if not _global:
        with context.init_scope():
            _global.append(Generator.from_non_deterministic_state())
    return _global[0]


def set_global_generator(generator: Generator) -> None:
    """Replaces the generator that everyone shares; functions traced before keep theirs."""
    _global[:] = [generator]
