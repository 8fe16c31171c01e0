"""What was found and judged: frozen dataclasses, nothing else.

Times are seconds, sizes bytes, rates GFLOP/s (1e9 floating-point operations a
second). Unknown is `None`, never a guess. Statistics are derived from the raw
samples, which stay in the record.
"""

import math
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, ClassVar, TypeVar, get_args, get_type_hints

from workload.core.statistics import median

T = TypeVar("T")


class State(StrEnum):
    """How one doctor check ended."""

    PASS = "pass"  # noqa: S105  a state of a check, no password
    WARN = "warn"
    FAIL = "fail"
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """One doctor check: its stable id, how it ended, and the words for a person.

    `case` names what was found, in one word that stays the same; `link` is where to read on.
    """

    id: str
    state: State
    found: str
    why: str | None = None
    fix: str | None = None
    link: str | None = None
    case: str | None = None


@dataclass(frozen=True)
class DeviceInfo:
    """The device a result belongs to. `reason` says why it was chosen.

    `memory_bytes` is the card's memory or, on the CPU, the machine's or its cgroup's limit.
    """

    kind: str  # "cpu" or "cuda"
    torch_name: str  # "cpu", "cuda:0"
    name: str  # "NVIDIA H200", the CPU's model name
    reason: str
    threads: int
    capability: str | None = None  # compute capability, "9.0"
    memory_bytes: int | None = None
    driver: str | None = None
    sm_count: int | None = None
    cache_bytes: int | None = None  # the last cache before the memory: L2 of a GPU
    swept_threads: tuple[int, ...] = ()  # thread counts that were tried; `threads` was best


@dataclass(frozen=True)
class Check:
    """One `verify` comparison against float64 on the CPU.

    `worst_error` is the largest error found and `tolerance` the largest allowed, in the
    same unit, which `metric` names. A non-finite result has no error: `worst_error` is None.
    """

    DERIVED: ClassVar = ("ok",)

    name: str
    dtype: str
    worst_error: float | None
    tolerance: float
    metric: str

    @property
    def ok(self) -> bool:
        """Whether the error is known and within the tolerance."""
        return self.worst_error is not None and self.worst_error <= self.tolerance


@dataclass(frozen=True)
class TrainResult:
    """A training run. `losses[i]` is the loss of step `i + 1`, before its update."""

    DERIVED: ClassVar = ("final_loss", "median_step_sec")

    preset: str | None
    batch_size: int
    input_size: int
    hidden_size: int
    output_size: int
    learning_rate: float
    steps: int
    seed: int
    dtype: str
    resumed_from_step: int
    losses: tuple[float | None, ...]  # None: not finite, in a record
    step_time_sec: tuple[float, ...]  # mean seconds a step, one sample per block of steps
    weights_sha256: str | None  # of w1 then w2; None unless all steps were done
    diverged_at_step: int | None = None
    mode: str = "eager"
    mode_reason: str = "asked for"  # why this mode

    @property
    def final_loss(self) -> float | None:
        """The last loss, or None before the first step."""
        return self.losses[-1] if self.losses else None

    @property
    def median_step_sec(self) -> float | None:
        """Median seconds a step over the blocks, or None when nothing was timed."""
        return median(self.step_time_sec)


def as_json(value: object) -> Any:
    """Dataclasses, however nested, as plain JSON values; a float that is not finite is None.

    A dataclass's derived statistics, named in its DERIVED, are written beside its fields.
    """
    if is_dataclass(value):
        names = [field.name for field in fields(value)] + list(getattr(value, "DERIVED", ()))
        return {name: as_json(getattr(value, name)) for name in names}
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def from_json(kind: type[T], data: dict[str, Any]) -> T:
    """The dataclass `kind` from what `as_json` made of it and the schema has checked.

    Lists become tuples, objects dataclasses, and names of states enum members again; derived
    values are dropped.
    """
    types = get_type_hints(kind)
    values = {field.name: data[field.name] for field in fields(kind)}  # type: ignore[arg-type]  # a dataclass
    return kind(**{name: _restored(types[name], value) for name, value in values.items()})


def _restored(expected: Any, value: Any) -> Any:
    if isinstance(expected, UnionType):  # X | None
        (expected,) = (kind for kind in get_args(expected) if kind is not NoneType)
    if value is None:
        return None
    if isinstance(value, list):
        return tuple(_restored(get_args(expected)[0], item) for item in value)
    if is_dataclass(expected) and isinstance(expected, type):
        return from_json(expected, value)
    if isinstance(expected, type) and issubclass(expected, StrEnum):
        return expected(value)
    return value
