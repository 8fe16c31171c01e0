"""Short names of cases for tables, the same in every command."""

from workload.core.bus_bandwidth import FACTORS
from workload.core.models.case import Case, Kind
from workload.core.shape import shape_label
from workload.core.train_spec import PRESETS
from workload.core.units import format_bytes, plural

_SHORT_KINDS = {
    Kind.CONVOLUTION: "conv",
    Kind.TO_DEVICE: "copy H2D",
    Kind.TO_HOST: "copy D2H",
}
_PRESET_NAMES: dict[tuple[int, ...], str] = {
    (spec.batch_size, spec.input_size, spec.hidden_size, spec.output_size): name
    for name, spec in reversed(PRESETS.items())
}


def case_title(case: Case) -> str:
    """Name the case without its dtype: `matmul 4096`, `copy 268 MB`, `train book eager`."""
    return " ".join(filter(None, (_SHORT_KINDS.get(case.kind, case.kind), _size(case))))


def full_title(case: Case) -> str:
    """Name the case with its dtype: `matmul 4096 float32`."""
    return f"{case_title(case)} {case.dtype}"


def _size(case: Case) -> str:
    """Return the size for the title: bytes, the preset of a training run, or the shape.

    Copies, transfers and operations between ranks are given in bytes. A launch has no size.
    """
    if case.kind is Kind.LAUNCH:
        return ""
    if case.kind in (Kind.COPY, Kind.TO_DEVICE, Kind.TO_HOST):
        return format_bytes(case.bytes)
    if case.kind in FACTORS:  # an operation between ranks
        whose = case.variant or f"on {plural(case.shape[0], 'rank')}"
        return f"{format_bytes(case.bytes)} {whose}"
    shape = shape_label(case.shape)
    if case.kind is Kind.TRAIN:
        shape = _PRESET_NAMES.get(case.shape, shape)
    return " ".join(filter(None, (shape, case.variant)))
