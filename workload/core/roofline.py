"""Find which limit bounds a case, and how close the case came to that limit.

The roofline model (Williams, Waterman & Patterson, Roofline, CACM 52(4), 2009): an operation
takes at least the longest of

- launches × the time of one launch,
- bytes / memory bandwidth,
- FLOPs / arithmetic rate,

where the rates are measured on the same device. The longest time determines the regime. Memory
bandwidth is not a limit if every call uses the same buffers and they fit into the last-level cache.
The launch time is not a limit if a CUDA graph is replayed.
"""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from workload.core.methods import COLD, CUDA_GRAPH
from workload.core.models.case import Case, CaseStatus, Kind
from workload.core.models.rating import Ceilings, Rating, Regime


def measured(cases: Iterable[Case], known: Ceilings, least: int = 2) -> Ceilings:
    """Return the `known` ceilings, each replaced by the best result of these cases if it is better.

    Setting the ceiling of a dtype requires `least` cases, because a single case would be rated
    against itself. If a ceiling is known, one case is enough. Cases that were timed on a contended
    CPU are ignored.
    """
    reached: dict[str, list[float]] = {}
    found = dict(_limits(known))
    for case in cases:
        if case.status is not CaseStatus.OK or (case.timing and case.timing.contended):
            continue
        if case.gflops:
            reached.setdefault(case.dtype, []).append(case.gflops)
        elif case.kind is Kind.LAUNCH and case.median_sec:
            found[case.kind] = min(case.median_sec, found[case.kind] or case.median_sec)
        elif case.kind in found and case.gbs:
            found[case.kind] = max(case.gbs, found[case.kind] or 0.0)
    best = {dtype: max(rates) for dtype, rates in reached.items()}
    rates = known.measured_gflops
    return replace(
        known,
        measured_gflops=rates
        | {
            dtype: max(rate, rates.get(dtype, 0.0))
            for dtype, rate in best.items()
            if dtype in rates or len(reached[dtype]) >= least
        },
        measured_gbs=found[Kind.COPY],
        launch_sec=found[Kind.LAUNCH],
        host_to_device_gbs=found[Kind.TO_DEVICE],
        device_to_host_gbs=found[Kind.TO_HOST],
    )


def _limits(known: Ceilings) -> dict[Kind, float | None]:
    return {
        Kind.COPY: known.measured_gbs,
        Kind.LAUNCH: known.launch_sec,
        Kind.TO_DEVICE: known.host_to_device_gbs,
        Kind.TO_HOST: known.device_to_host_gbs,
    }


def rated(cases: Sequence[Case], ceilings: Ceilings) -> list[Case]:
    """Return the cases, each with its rating."""
    return [replace(case, rating=rate(case, ceilings)) for case in cases]


def rate(case: Case, ceilings: Ceilings) -> Rating | None:
    """Return the rating of a case; None if its speed or the limits are unknown.

    If the limit of the case's main work is unknown, the regime is unknown too, because that limit
    may be the one that bounds the case.
    """
    peak_share = _peak_share(case, ceilings) if case.status is CaseStatus.OK else None
    if not _own_limit(case, ceilings):
        return Rating(None, peak_share, None) if peak_share else None
    bounds = bounds_sec(case, ceilings) if case.flops or case.bytes else {}
    spent_sec = case.median_sec
    if case.status is not CaseStatus.OK or not spent_sec or not bounds:
        return None
    regime = max(bounds, key=lambda name: bounds[name])
    return Rating(regime, peak_share, bounds[regime] / spent_sec)


def _own_limit(case: Case, ceilings: Ceilings) -> float | None:
    """Return the measured limit of what the case mainly does: arithmetic, copies or launches."""
    if case.flops:
        return ceilings.measured_gflops.get(case.dtype)
    return _limits(ceilings).get(case.kind, ceilings.measured_gbs)


def bounds_sec(case: Case, ceilings: Ceilings) -> dict[Regime, float]:
    """Return the minimum time of the case in seconds, for each limit that is known and applies."""
    bounds = {}
    graph = case.timing is not None and case.timing.method == CUDA_GRAPH
    if ceilings.launch_sec and not graph:
        bounds[Regime.LAUNCH] = case.launches * ceilings.launch_sec
    transfer = case.kind in (Kind.TO_DEVICE, Kind.TO_HOST)
    gbs = _limits(ceilings)[case.kind] if transfer else ceilings.measured_gbs
    if gbs and (transfer or not _fits_the_cache(case, ceilings)):
        bounds[Regime.BANDWIDTH] = case.bytes / gbs / 1e9
    rate_gflops = ceilings.measured_gflops.get(case.dtype)
    if rate_gflops and case.flops:
        bounds[Regime.COMPUTE] = case.flops / rate_gflops / 1e9
    return bounds


def _fits_the_cache(case: Case, ceilings: Ceilings) -> bool:
    cold = case.timing is not None and case.timing.cache == COLD
    return not cold and case.bytes <= (ceilings.cache_bytes or 0)


def _peak_share(case: Case, ceilings: Ceilings) -> float | None:
    """Return the case's rate as a share of the dense peak rate of its dtype.

    For a copy, return its bandwidth as a share of the peak memory bandwidth.
    """
    if case.kind is Kind.COPY:
        reached, peak = case.gbs, ceilings.peak_gbs
    else:
        reached, peak = case.gflops, ceilings.peak_gflops.get(case.dtype)
    return reached / peak if reached and peak else None
