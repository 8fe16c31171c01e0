"""The options of each command as a typed object, made by `arguments.parse`."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from workload.core.shape import Shape
from workload.core.train_spec import PRESETS, TrainSpec

ALL = "all"  # the value of --device for every GPU


@dataclass(frozen=True)
class Options:
    """The options that all commands share."""

    command: ClassVar[str]
    # Pairs of an option that writes a file and the field with its path.
    files: ClassVar[tuple[tuple[str, str], ...]] = ()
    json: bool

    @property
    def written(self) -> dict[str, Path]:
        """Return the folder that each option writes into."""
        paths = {option: getattr(self, field) for option, field in self.files}
        return {
            option: Path(os.path.realpath(path)).parent for option, path in paths.items() if path
        }

    @property
    def document(self) -> bool:
        """Return whether stdout carries a document. If so, everything else goes to stderr."""
        return self.json


@dataclass(frozen=True)
class RecordOptions(Options):
    """The options of a command that uses a device and writes a record."""

    device: str
    driver_timeout: float  # seconds to wait for an answer from the NVIDIA driver
    output: Path | None  # the record's directory; None: no record is written

    @property
    def written(self) -> dict[str, Path]:
        """Return the folder that each option writes into."""
        return ({} if self.output is None else {"--output": self.output}) | super().written


@dataclass(frozen=True)
class RankOptions(RecordOptions):
    """The options of a command whose ranks work together: `train` and `collectives`."""

    ranks: int | None  # to start on this node; None: start none
    nodes: int
    rendezvous: str | None  # host:port of the first node
    join_timeout: float | None
    max_restarts: int


@dataclass(frozen=True)
class MatmulOptions(RecordOptions):
    """Options of `workload matmul`; None means the device's default."""

    command = "matmul"
    budget: float
    sizes: tuple[Shape, ...] | None
    dtypes: tuple[str, ...] | None
    cache: str
    search: bool


@dataclass(frozen=True)
class DevicesOptions(RecordOptions):
    """The options of `run` and `doctor`, whose ranks work independently, each on its device."""

    budget: float
    ranks: int | None  # on the CPUs; None: one rank, or with --device all one per GPU
    rank_timeout: float | None  # seconds; None: derived from --driver-timeout and the budget


@dataclass(frozen=True)
class RunOptions(DevicesOptions):
    """Options of `workload run`; None means the device's default."""

    command = "run"
    sizes: tuple[Shape, ...] | None
    dtypes: tuple[str, ...] | None
    cache: str


@dataclass(frozen=True)
class TrainOptions(RankOptions):
    """Options of `workload train`; None for a setting of the preset means the preset's value."""

    command = "train"
    files = (("--checkpoint", "checkpoint"),)
    preset: str
    mode: str | None  # None: eager, or all-reduce with several ranks
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
    threads: int | None
    scaling: bool

    @property
    def spec(self) -> TrainSpec:
        """Return the preset, overridden by the given values."""
        base = PRESETS[self.preset]
        given = {name: getattr(self, name) for name in vars(base)}
        return replace(base, **{name: value for name, value in given.items() if value is not None})

    @property
    def unchanged_preset(self) -> str | None:
        """Return the name of the preset; None if a given value differs from the preset's."""
        return self.preset if self.spec == PRESETS[self.preset] else None


@dataclass(frozen=True)
class CollectivesOptions(RankOptions):
    """Options of `workload collectives`; None for `sizes` or `dtypes` means the default."""

    command = "collectives"
    budget: float
    sizes: tuple[int, ...] | None  # bytes
    dtypes: tuple[str, ...] | None
    pairs: bool


@dataclass(frozen=True)
class VerifyOptions(RecordOptions):
    """Options of `workload verify`; None means the device's default."""

    command = "verify"
    dtypes: tuple[str, ...] | None
    verbose: bool


@dataclass(frozen=True)
class DoctorOptions(DevicesOptions):
    """Options of `workload doctor`; the budget is for --deep."""

    command = "doctor"
    files = (("--bundle", "bundle"),)
    quick: bool
    deep: bool
    strict: bool
    facts: bool
    bundle: Path | None


@dataclass(frozen=True)
class ExplainOptions(Options):
    """Options of `workload doctor explain`; without an id, all checks are listed."""

    command = "doctor"
    id: str | None


@dataclass(frozen=True)
class CompareOptions(Options):
    """Options of `workload compare`."""

    command = "compare"
    baseline: Path
    candidate: Path
    format: str
    fail_if_slower: float | None
    strict: bool

    @property
    def document(self) -> bool:
        """Return whether stdout carries a document, as with every format except the table."""
        return self.json or self.format != "table"


@dataclass(frozen=True)
class ReportOptions(Options):
    """Options of `workload report`."""

    command = "report"
    files = (("--output", "page"),)
    results: Path
    page: Path | None
