"""A loaded version and the counted handles that keep it loaded while requests use it."""

from __future__ import annotations

import enum
import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

from headrace.core.errors import FailedPreconditionError, OpError
from headrace.serving.batching.batcher import Batcher
from headrace.serving.batching.versions import VersionBatching
from headrace.serving.engines.base import DEFAULT_SIGNATURE, Array, Decided, LoadedModel, Signature, Told
from headrace.serving.plans import Plan

Shapes = tuple[tuple[str, tuple[int, ...]], ...]
"""The input shapes of one run, by input name."""

_MAX_SHAPES = 32
_MAX_SAMPLE_BYTES = 64 << 10
_loads = itertools.count()


class State(enum.Enum):
    """Where a version stands, with the names of TensorFlow Serving's status answers."""

    START = "START"
    LOADING = "LOADING"
    AVAILABLE = "AVAILABLE"
    UNLOADING = "UNLOADING"
    END = "END"


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """Where one version stands.

    Attributes:
        version: its number.
        state: its state.
        error: what stopped it or its last try, if anything.
        engine: what runs it, "" while nothing does.
        engine_reason: why that engine.
        digest: of its files, "" while it is not loaded, or where it has none.
    """

    version: int
    state: State
    error: OpError | None = None
    engine: str = ""
    engine_reason: str = ""
    digest: str = ""


class Servable:
    """One loaded version of a model. It is closed after `retire`, once no handle is left.

    With `check_methods` a signature is used only as what its method name says. `digest` is that of its files. `prepared` is true
    when another process has loaded it, and this one has only what that compiled. `choices` are those of its engines.
    """

    def __init__(
        self,
        model: str,
        version: int,
        loaded: LoadedModel,
        batching: VersionBatching | None = None,
        check_methods: bool = False,
        digest: str = "",
        prepared: bool = False,
    ) -> None:
        self.model = model
        self.version = version
        self.check_methods = check_methods
        self.digest = digest
        self.prepared = prepared
        self.load = next(_loads)
        self.signatures: Mapping[str, Signature] = dict(loaded.signatures)
        self.engine = loaded.engine
        self.engine_reason = loaded.engine_reason
        self.memory_bytes = loaded.memory_bytes
        self.choices: Told = loaded.choices if isinstance(loaded, Decided) else {}
        self._loaded = loaded
        self._lock = threading.Lock()
        self._handle: Handle | None = None
        self._handles = 0
        self._when_idle: Callable[[], None] | None = None
        self._retired = False
        self._shapes: dict[tuple[tuple[str, ...], Shapes], None] = {}
        self._samples: dict[tuple[str, str], bytes] = {}
        self.batcher: Batcher | None = None
        if batching is not None:
            self.batcher = batching.start(model, version, self.signatures, self.run, self._look)
        self._plans = {name: self._plan(name, signature) for name, signature in self.signatures.items()}
        self._handle = Handle(self)

    def acquire(self) -> Handle | None:
        """A handle that keeps this version loaded, None when it is retired already."""
        with self._lock:
            if self._retired:
                return None
            self._handles += 1
        return self._handle

    def release(self) -> None:
        """Takes back one handle."""
        with self._lock:
            self._handles -= 1
            notify = self._when_idle if self._retired and not self._handles else None
        if notify is not None:
            notify()

    def retire(self, when_idle: Callable[[], None]) -> None:
        """Gives out no more handles; `when_idle` is called when the last one comes back, or the last request in a queue has run."""
        with self._lock:
            self._retired = True
            self._when_idle = when_idle
        if self.batcher is not None:
            self.batcher.hurry()

    @property
    def drained(self) -> bool:
        """True when this version is retired and no request uses it."""
        with self._lock:
            if not self._retired or self._handles:
                return False
        return self.batcher is None or not self.batcher.busy  # without a handle nobody can queue anything more

    def plan(self, signature: str) -> Plan:
        """How requests for a signature are checked and run.

        Raises:
            FailedPreconditionError: there is no such signature.
        """
        plan = self._plans.get(signature or DEFAULT_SIGNATURE)
        if plan is None:
            raise FailedPreconditionError(f'Serving signature key "{signature}" not found.')
        return plan

    def _plan(self, name: str, signature: Signature) -> Plan:
        batcher = self.batcher if self.batcher is not None and self.batcher.batches(name) else None
        return Plan(name, signature, batcher, self.check_methods)

    def _look(self) -> None:
        """The batcher has nothing to do any more."""
        when_idle = self._when_idle
        if when_idle is not None:
            when_idle()

    def run(self, signature: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Runs one signature and remembers the shapes and a string of each input, which the next version is warmed with."""
        outputs = self._loaded.run(signature, inputs)
        self._remember((signature,), inputs)
        return outputs

    def run_together(self, signatures: Sequence[str], inputs: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
        """Runs several signatures on the same inputs, see LoadedModel.run_together, and remembers the same as `run`."""
        if len(signatures) == 1:
            return {signatures[0]: self.run(signatures[0], inputs)}
        outputs = self._loaded.run_together(signatures, inputs)
        self._remember(tuple(sorted(signatures)), inputs)
        return outputs

    def _remember(self, signatures: tuple[str, ...], inputs: Mapping[str, Array]) -> None:
        key = (signatures, tuple((name, value.shape) for name, value in sorted(inputs.items())))
        if key in self._shapes or len(self._shapes) >= _MAX_SHAPES:
            return
        self._shapes[key] = None
        for name, value in inputs.items():
            if value.dtype == object and value.size and 0 < len(value.flat[0]) <= _MAX_SAMPLE_BYTES:
                for signature in signatures:
                    self._samples.setdefault((signature, name), value.flat[0])

    def sample(self, signature: str, name: str) -> bytes:
        """A string that a successful run had in an input, or in one of that name of another signature; empty if there was none."""
        own = self._samples.get((signature, name))
        return own or next((value for (_, other), value in self._samples.items() if other == name), b"")

    def samples(self) -> dict[tuple[str, str], bytes]:
        """The strings that `sample` knows, by signature and input."""
        return dict(self._samples)

    def served_shapes(self) -> list[tuple[tuple[str, ...], Shapes]]:
        """The signatures, those together that ran together, and input shapes that were used so far, at most 32."""
        return list(self._shapes)

    def close(self) -> None:
        """Ends the batch threads and unloads the model; only after it is drained."""
        if self.batcher is not None:
            self.batcher.close()
        self._handle = None  # which has this object in turn: both would stay until a collection
        self._loaded.close()


class Handle:
    """Keeps a version loaded until the `with` block ends. All who use a version have the same one, which is counted.

    Attributes:
        model: its name.
        version: that was picked.
        digest: of this version's files; "" where it has none.
        load: tells apart all loads of versions in this process, also two of the same version.
        check_methods: true where a signature is used only as what its method name says.
        signatures: what this version offers.
        has_batches: true when some of this version's signatures may be batched.
    """

    __slots__ = ("_servable", "check_methods", "digest", "has_batches", "load", "model", "signatures", "version")

    def __init__(self, servable: Servable) -> None:
        self._servable = servable
        self.model = servable.model
        self.version = servable.version
        self.digest = servable.digest
        self.load = servable.load
        self.check_methods = servable.check_methods
        self.signatures = servable.signatures
        self.has_batches = servable.batcher is not None

    def plan(self, signature: str) -> Plan:
        """How requests for a signature are checked and run; see `Servable.plan`."""
        return self._servable.plan(signature)

    def run(self, signature: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Runs one signature of this version."""
        return self._servable.run(signature, inputs)

    def run_together(self, signatures: Sequence[str], inputs: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
        """Runs several signatures of this version on the same inputs."""
        return self._servable.run_together(signatures, inputs)

    def batcher(self, signature: str) -> Batcher | None:
        """What batches a signature's requests; None when they run one by one."""
        batcher = self._servable.batcher
        return batcher if batcher is not None and batcher.batches(signature) else None

    def release(self) -> None:
        """Gives this handle back; once, and not in a `with` block, which does it by itself."""
        self._servable.release()

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._servable.release()
