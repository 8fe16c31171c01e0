"""What a command was asked to do: one typed object a command, made by `arguments.parse`."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from workload.core.shape import Shape
from workload.core.train_spec import PRESETS, TrainSpec


@dataclass(frozen=True)
class Options:
    """What every command has."""

    command: ClassVar[str]
    json: bool

    @property
    def document(self) -> bool:
        """Whether stdout carries a document, so that everything else goes to stderr."""
        return self.json


@dataclass(frozen=True)
class RecordOptions(Options):
    """Of a command that uses a device and leaves a record."""

    device: str
    output: Path | None  # the record's directory; None: no record is written


@dataclass(frozen=True)
class MatmulOptions(RecordOptions):
    """`workload matmul`; None stands for the device's defaults."""

    command = "matmul"
    budget: float
    sizes: tuple[Shape, ...] | None
    dtypes: tuple[str, ...] | None
    cache: str
    search: bool


@dataclass(frozen=True)
class RunOptions(RecordOptions):
    """`workload run`; None stands for the device's defaults."""

    command = "run"
    budget: float
    sizes: tuple[Shape, ...] | None
    dtypes: tuple[str, ...] | None
    cache: str


@dataclass(frozen=True)
class TrainOptions(RecordOptions):
    """`workload train`; None stands for the preset's value."""

    command = "train"
    preset: str
    mode: str
    batch_size: int | None
    input_size: int | None
    hidden_size: int | None
    output_size: int | None
    steps: int | None
    learning_rate: float | None
    seed: int | None
    dtype: str | None
    checkpoint: Path | None
    checkpoint_every: int
    resume: bool

    @property
    def spec(self) -> TrainSpec:
        """The preset, with the given values in place of its own."""
        base = PRESETS[self.preset]
        given = {name: getattr(self, name) for name in vars(base)}
        return replace(base, **{name: value for name, value in given.items() if value is not None})

    @property
    def unchanged_preset(self) -> str | None:
        """The preset's name; None where a given value differs from it."""
        return self.preset if self.spec == PRESETS[self.preset] else None


@dataclass(frozen=True)
class VerifyOptions(RecordOptions):
    """`workload verify`; None stands for the device's dtypes."""

    command = "verify"
    dtypes: tuple[str, ...] | None
    verbose: bool


@dataclass(frozen=True)
class DoctorOptions(RecordOptions):
    """`workload doctor`."""

    command = "doctor"
    quick: bool
    deep: bool
    budget: float  # of --deep
    strict: bool
    facts: bool
    bundle: Path | None


@dataclass(frozen=True)
class ExplainOptions(Options):
    """`workload doctor explain`: one check, or all without an id."""

    command = "doctor"
    id: str | None


@dataclass(frozen=True)
class CompareOptions(Options):
    """`workload compare`."""

    command = "compare"
    baseline: Path
    candidate: Path
    format: str
    fail_if_slower: float | None

    @property
    def document(self) -> bool:
        """A document in any format but the table."""
        return self.json or self.format != "table"


@dataclass(frozen=True)
class ReportOptions(Options):
    """`workload report`."""

    command = "report"
    results: Path
    page: Path | None
