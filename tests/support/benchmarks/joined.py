"""One case of what two passes of a benchmark measured."""

from typing import TypeVar

from msgspec.structs import replace

from workload.core.models.case import Case, CaseStatus
from workload.core.models.timing import Telemetry
from workload.core.models.waits import Waits

Number = TypeVar("Number", int, float)


def joined(earlier: Case, later: Case) -> Case:
    """One case of two passes, with the samples of both, judged again; of one that had no time, the
    other. Of passes that were timed in two ways the later stands alone.
    """
    if earlier.timing is None or later.timing is None:
        return earlier if later.timing is None else later
    if earlier.timing.method != later.timing.method:
        return later
    timing = replace(
        later.timing,
        samples_sec=earlier.timing.samples_sec + later.timing.samples_sec,
        warm_up_sec=earlier.timing.warm_up_sec + later.timing.warm_up_sec,
        steady=earlier.timing.steady and later.timing.steady,
        telemetry=_joined_telemetry(earlier.timing.telemetry, later.timing.telemetry),
        waits=_joined_waits(earlier.timing.waits, later.timing.waits),
    )
    shares = [share for share in (earlier.error_share, later.error_share) if share is not None]
    return replace(
        later,
        status=CaseStatus.INVALID if timing.invalid else later.status,
        reason=timing.invalid or later.reason,
        timing=timing,
        error_share=max(shares, default=None),
    )


def _joined_waits(earlier: Waits | None, later: Waits | None) -> Waits | None:
    """The waits of both windows together; what one of them does not know is unknown."""
    if earlier is None or later is None:
        return None
    return Waits(
        window_sec=earlier.window_sec + later.window_sec,
        run_delay_sec=_sum(earlier.run_delay_sec, later.run_delay_sec),
        waits=_sum(earlier.waits, later.waits),
        foreign_sec=_sum(earlier.foreign_sec, later.foreign_sec),
        steal_sec=_sum(earlier.steal_sec, later.steal_sec),
        throttled_sec=_sum(earlier.throttled_sec, later.throttled_sec),
        pressure_sec=_sum(earlier.pressure_sec, later.pressure_sec),
        threads=_most(earlier.threads, later.threads),
        cpus=_most(earlier.cpus, later.cpus),
        longest_delay_sec=_sum(earlier.longest_delay_sec, later.longest_delay_sec),
        longest_steal_sec=_sum(earlier.longest_steal_sec, later.longest_steal_sec),
    )


def _most(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else max(one, other)


def _sum(one: Number | None, other: Number | None) -> Number | None:
    return None if one is None or other is None else one + other


def _joined_telemetry(earlier: Telemetry | None, later: Telemetry | None) -> Telemetry | None:
    if earlier is None or later is None:
        return later or earlier
    others = [n for n in (earlier.other_processes, later.other_processes) if n is not None]
    return Telemetry(
        at_sec=earlier.at_sec + later.at_sec,
        sm_clock_mhz=earlier.sm_clock_mhz + later.sm_clock_mhz,
        power_watt=earlier.power_watt + later.power_watt,
        temperature_celsius=earlier.temperature_celsius + later.temperature_celsius,
        throttled=tuple(dict.fromkeys(earlier.throttled + later.throttled)),
        power_capped=earlier.power_capped or later.power_capped,
        other_processes=max(others, default=None),
    )
