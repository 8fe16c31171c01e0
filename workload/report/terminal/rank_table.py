"""A table of ranks for a terminal, with a row for each rank."""

from collections.abc import Callable, Sequence
from functools import partial

from workload.core.errors import ExitCode
from workload.core.models import rank as end
from workload.core.models.case import Case, Kind
from workload.core.models.rank import Rank
from workload.core.models.timing import Telemetry
from workload.core.statistics import median
from workload.core.units import format_rate, format_seconds, printable, ranges
from workload.report.terminal.tables import Grid

UUID_END = 6  # characters shown from the end of a UUID
VERDICTS = {ExitCode.OK: "PASS", ExitCode.WRONG_NUMBERS: "WRONG", ExitCode.UNFIT: "UNFIT"}
STEP_PRESET = "wide"  # the preset whose step time is shown

Cell = Callable[[Rank], float | None]
Show = Callable[[float], str]


def measured_table(ranks: Sequence[Rank]) -> Grid:
    """Return a table of the ranks of `workload run`."""
    columns: dict[str, tuple[Cell, Show]] = {
        dtype: (partial(_rate, name), format_rate)
        for dtype, name in compared_matmuls(ranks).items()
    }
    columns["step"] = (_step_sec, format_seconds)
    columns |= {
        "°C": (partial(_most, "temperature_celsius"), _whole),
        "W": (partial(_most, "power_watt"), _whole),
        "MHz": (_clock, _whole),
    }
    return _table(ranks, columns)


def stressed_table(ranks: Sequence[Rank]) -> Grid:
    """Return a table of the ranks of `doctor --deep`, with rates and errors of the stress test."""
    dtypes = dict.fromkeys(
        one.dtype for rank in ranks for one in (rank.deep.burn_ins if rank.deep else ())
    )
    columns: dict[str, tuple[Cell, Show]] = {
        dtype: (partial(_stressed, dtype), format_rate) for dtype in dtypes
    }
    columns |= {
        "°C": (partial(_watched, "highest_celsius"), _whole),
        "MHz": (partial(_watched, "lowest_mhz"), _whole),
        "GB tested": (_tested_gb, lambda gb: f"{gb:.3g}"),
        "wrong": (_wrong, _whole),
    }
    return _table(ranks, columns)


def _table(ranks: Sequence[Rank], columns: dict[str, tuple[Cell, Show]]) -> Grid:
    """Return a table with a row per rank and a footer of statistics, without empty columns."""
    known = {
        name: cell
        for name, cell in columns.items()
        if any(cell[0](rank) is not None for rank in ranks)
    }
    on_gpus = any(rank.gpu_index is not None for rank in ranks)
    names = ("GPU", "UUID", "PCI") if on_gpus else ("rank", "CPUs")
    timed = any(rank.cases for rank in ranks)
    headers = (*names, *known, *(("warned",) if timed else ()), "verdict")
    rows = tuple(
        (
            *_place(rank),
            *(_shown(cell(rank), show) for cell, show in known.values()),
            *((str(len(warned_cases(rank))) if rank.cases else "-",) if timed else ()),
            _verdict(rank),
        )
        for rank in ranks
    )
    blank = ("",) * (len(names) - 1)
    rest = ("",) * (len(headers) - len(names) - len(known))
    values = [[value for rank in ranks if (value := cell(rank)) is not None]
              for cell, _ in known.values()]  # fmt: skip
    shows = [show for _, show in known.values()]
    footer: list[tuple[str, ...]] = []
    for label, of in (("min", min), ("median", median), ("max", max)):
        cells = (show(of(found) or 0.0) for found, show in zip(values, shows, strict=True))
        footer.append((label, *blank, *cells, *rest))
    spreads = (_spread(name, found) for name, found in zip(known, values, strict=True))
    footer.append(("spread", *blank, *spreads, *rest))
    optional = ("float16", "PCI", "warned", "UUID", "MHz", "tf32")
    return Grid(headers, rows, (*known, "warned"), optional, tuple(footer))


def _place(rank: Rank) -> tuple[str, ...]:
    if rank.gpu_index is None:
        return str(rank.rank), ranges(rank.cpus)
    end_of_uuid = rank.gpu_uuid[-UUID_END:] if rank.gpu_uuid else "-"
    address = (rank.gpu_address or "-").removeprefix("0000:")
    return str(rank.gpu_index), printable(end_of_uuid), printable(address)


def _shown(value: float | None, show: Show) -> str:
    return "-" if value is None else show(value)


def _whole(value: float) -> str:
    return f"{value:.0f}"


def _spread(name: str, found: Sequence[float]) -> str:
    """Return (max - min) / median in percent; an empty string for counts or a median of 0."""
    middle = median(found)
    if name == "wrong" or not middle:
        return ""
    return f"{(max(found) - min(found)) / middle:.1%}"


def _verdict(rank: Rank) -> str:
    if rank.ended in (end.DIED, end.HUNG, end.LOST, end.INTERRUPTED):
        return rank.ended.upper()
    return VERDICTS.get(rank.code, f"exit {rank.code}")


def compared_matmuls(ranks: Sequence[Rank]) -> dict[str, str]:
    """Return, for each dtype, the name of the matmul whose rates are compared across ranks.

    It is the matmul that the most ranks ran, or the fastest of several such matmuls. float64 is
    left out because most GPUs compute it slowly.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for rank in ranks:
        for case in rank.cases or ():
            if case.kind is Kind.MATMUL and case.gflops is not None and case.dtype != "float64":
                found.setdefault(case.dtype, {}).setdefault(case.name, []).append(case.gflops)
    by_itself = sum(rank.exit_code is not None for rank in ranks)
    return {
        dtype: max(rates, key=lambda name: (min(len(rates[name]), by_itself), max(rates[name])))
        for dtype, rates in found.items()
    }


def _rate(name: str, rank: Rank) -> float | None:
    return next((case.gflops for case in rank.cases or () if case.name == name), None)


def _step_sec(rank: Rank) -> float | None:
    steps = [one.median_step_sec for one in rank.train or () if one.preset == STEP_PRESET]
    return steps[-1] if steps else None


def _telemetry(rank: Rank) -> list[Telemetry]:
    return [
        case.timing.telemetry
        for case in rank.cases or ()
        if case.timing and case.timing.telemetry and case.kind is Kind.MATMUL
    ]


def _most(name: str, rank: Rank) -> float | None:
    readings = [value for seen in _telemetry(rank) for value in getattr(seen, name)]
    return max((value for value in readings if value is not None), default=None)


def _clock(rank: Rank) -> float | None:
    """Return the median clock while matmuls ran."""
    readings = [value for seen in _telemetry(rank) for value in seen.sm_clock_mhz]
    return median([value for value in readings if value is not None])


def _stressed(dtype: str, rank: Rank) -> float | None:
    burned = rank.deep.burn_ins if rank.deep else ()
    return next((one.last_gflops for one in burned if one.dtype == dtype), None)


def _watched(name: str, rank: Rank) -> float | None:
    found: float | None = getattr(rank.deep.watch, name) if rank.deep and rank.deep.watch else None
    return found


def _tested_gb(rank: Rank) -> float | None:
    return rank.deep.memory.tested_bytes / 1e9 if rank.deep and rank.deep.memory else None


def _wrong(rank: Rank) -> float | None:
    if rank.deep is None:
        return None
    words = rank.deep.memory.wrong_words if rank.deep.memory else 0
    return float(words + sum(one.wrong_elements for one in rank.deep.burn_ins))


def warned_cases(rank: Rank) -> list[Case]:
    """Return the cases whose time has a warning."""
    return [case for case in rank.cases or () if case.timing and case.timing.warning]
