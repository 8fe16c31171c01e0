"""Find the cases that are not judged because something besides the code affects their speed.

Noise does not exclude a case, because the interval of the speed-up accounts for noise. It does not
account for such effects.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from workload.compare.loader import Side
from workload.compare.pairing import BASELINE, CANDIDATE, Excluded, Pairing
from workload.compare.speeds import Speed
from workload.core.models.device import DeviceInfo
from workload.core.models.variable import SPEED
from workload.core.units import printable

UNSET = "not set"
UNKNOWN = "not recorded"


@dataclass(frozen=True)
class Difference:
    """An environment variable that affects the results and was not the same in all runs.

    If the runs of a side differ, the side's tuple has several values. None means that a run did not
    set the variable.
    """

    name: str
    changes: str
    baseline: tuple[str | None, ...]
    candidate: tuple[str | None, ...]

    def __str__(self) -> str:
        """Return the values of both sides as a sentence."""
        ours, theirs = (
            " and ".join(value or UNSET for value in values)
            for values in (self.baseline, self.candidate)
        )
        return f"{self.name} is {ours} in the {BASELINE}, {theirs} in the {CANDIDATE}"


@dataclass(frozen=True)
class Unjudged(Excluded):
    """A case that both sides measured but that is not judged."""

    contended: bool = False


def differences(baseline: Side, candidate: Side) -> tuple[Difference, ...]:
    """Return the variables that affect a result and do not have the same value in all runs.

    A variable affects a result if a side set it and it matters to that side's device. If a run did
    not record its variables, each value is UNKNOWN, which differs from all others.
    """
    ours, theirs = _values(baseline), _values(candidate)
    changes = {
        variable.name: variable.changes
        for side in (baseline, candidate)
        for run in side.runs
        for variable in run.variables or ()
        if variable.matters(side.device.kind)
    }
    found = (
        Difference(name, changes[name], _of(ours, name), _of(theirs, name))
        for name in sorted(changes)
    )
    return tuple(one for one in found if one.baseline != one.candidate or len(one.baseline) > 1)


def _values(side: Side) -> list[dict[str, str] | None]:
    """Return the variables of each run, as values by name; None if a run did not record them."""
    return [
        None
        if run.variables is None
        else {variable.name: variable.value for variable in run.variables}
        for run in side.runs
    ]


def _of(runs: Sequence[dict[str, str] | None], name: str) -> tuple[str | None, ...]:
    found = {UNKNOWN if run is None else run.get(name) for run in runs}
    return tuple(sorted(found, key=lambda value: value or ""))


def _devices(*sides: Side) -> list[DeviceInfo]:
    return [run.device for side in sides for run in side.runs if run.device]


def varied_threads(baseline: Side, candidate: Side) -> tuple[int, ...]:
    """Return the thread counts if all runs used the same CPU but not the same count, else ()."""
    counts = tuple(sorted({device.threads for device in _devices(baseline, candidate)}))
    return counts if _one_cpu(baseline, candidate) and len(counts) > 1 else ()


def _one_cpu(baseline: Side, candidate: Side) -> bool:
    devices = _devices(baseline, candidate)
    kinds = {(device.kind, device.name) for device in devices}
    return len(kinds) == 1 and devices[0].kind == "cpu"


def varied_bindings(baseline: Side, candidate: Side) -> bool:
    """Return whether OpenMP bound the threads of the CPU runs in different ways.

    A binding is a text that names the CPUs to which the threads were bound. If the runs used
    different CPUs, the texts cannot be compared. Then return whether only some runs were bound.
    """
    cpus = [device for device in _devices(baseline, candidate) if device.kind == "cpu"]
    one_name = len({device.name for device in cpus}) == 1
    bound = {device.binding if one_name else bool(device.binding) for device in cpus}
    return len(bound) > 1


def unjudged(
    baseline: Side, candidate: Side, pairing: Pairing, allowed: float
) -> tuple[Unjudged, ...]:
    """Return the cases that both sides measured but that are not judged, with their reasons.

    A case is contended if its threads had to wait, for example for other processes. It is judged
    anyway if it is slower by more than `allowed` even after the waiting time is subtracted.
    """
    shared = " and ".join(_of_sides(baseline, candidate))
    one_cpu = _one_cpu(baseline, candidate)
    found = ((speed, _unjudged(speed, shared, one_cpu)) for speed in pairing.speeds)
    return (
        *(
            one
            for speed, one in found
            if one and not (one.contended and speed.is_slower_despite_waits(allowed))
        ),
        *(
            Unjudged(one.name, one.title, one.problem, one.detail)
            for one in pairing.unpaired
            if one.measured
        ),
    )


def _of_sides(baseline: Side, candidate: Side) -> Iterator[str]:
    counts = varied_threads(baseline, candidate)
    if counts:
        yield f"the runs used {' and '.join(map(str, counts))} threads"
    if varied_bindings(baseline, candidate):
        yield "OpenMP did not bind the threads of all runs in the same way"
    for one in differences(baseline, candidate):
        if SPEED in one.changes:
            yield printable(str(one))


def _unjudged(speed: Speed, shared: str, one_cpu: bool) -> Unjudged | None:
    if shared:
        return Unjudged(speed.name, speed.title, shared)
    counts = sorted({*speed.baseline.threads, *speed.candidate.threads})
    if one_cpu and len(counts) > 1:
        problem = f"the runs of the case used {' and '.join(map(str, counts))} threads"
        return Unjudged(speed.name, speed.title, problem)
    for side, reached in ((BASELINE, speed.baseline), (CANDIDATE, speed.candidate)):
        if reached.contended:
            share, cause = reached.contended
            who, _, _ = cause.partition(":")
            problem, detail = f"slowed by {who} in the {side}", f"up to {share:.0%} of the time"
            return Unjudged(speed.name, speed.title, problem, detail, contended=True)
    if speed.interval is None:
        return Unjudged(speed.name, speed.title, "too few samples for an interval")
    return None
