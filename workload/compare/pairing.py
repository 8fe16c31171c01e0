"""Which cases of two sides may be compared, and why the others may not. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from workload.compare.intervals import is_time
from workload.compare.loader import Side
from workload.compare.speeds import Speed, speed_of
from workload.core.cases import COLD, Case, CaseStatus

# The cases of one name on one side, by the index of the process run.
Indexed = list[tuple[int, Case]]
ByCache = dict[str, Indexed]


@dataclass(frozen=True)
class Refusal:
    """A case that both sides have, and why it is not compared."""

    name: str
    reason: str
    wrong: bool = False  # because a result is wrong


@dataclass(frozen=True)
class Pairing:
    """The cases of both sides, each in one place."""

    speeds: tuple[Speed, ...]
    refusals: tuple[Refusal, ...]
    only_in_a: tuple[str, ...]
    lost: tuple[str, ...]  # that A measured and B did not, or not usably
    only_in_b: tuple[str, ...]


def pair(a: Side, b: Side) -> Pairing:
    """Every case in the order of A.

    Cases pair by name, which holds kind, shape, variant and dtype (tf32 is another than
    float32), and by the state of the caches.
    """
    a_names, b_names = _by_name(a), _by_name(b)
    outcomes = list(
        chain.from_iterable(
            _outcomes(name, (a, a_names[name]), (b, b_names[name]))
            for name in a_names
            if name in b_names
        )
    )
    return Pairing(
        speeds=tuple(one for one in outcomes if isinstance(one, Speed)),
        refusals=tuple(one for one in outcomes if isinstance(one, Refusal)),
        only_in_a=tuple(name for name in a_names if name not in b_names),
        lost=tuple(
            name
            for name, cases in a_names.items()
            if _unusable(name, "A", cases) is None
            and (name not in b_names or _unusable(name, "B", b_names[name]) is not None)
        ),
        only_in_b=tuple(name for name in b_names if name not in a_names),
    )


def _by_name(side: Side) -> dict[str, Indexed]:
    names: dict[str, Indexed] = {}
    for index, run in enumerate(side.runs):
        for case in run.cases:
            names.setdefault(case.name, []).append((index, case))
    return names


def _outcomes(
    name: str, a: tuple[Side, Indexed], b: tuple[Side, Indexed]
) -> Iterator[Speed | Refusal]:
    """What becomes of the cases of one name: a speed for each state of the caches."""
    (a_side, a_cases), (b_side, b_cases) = a, b
    for side, cases in (("A", a_cases), ("B", b_cases)):
        refusal = _unusable(name, side, cases)
        if refusal:
            yield refusal
            return
    a_caches, b_caches = _by_cache(a_cases), _by_cache(b_cases)
    shared = [cache for cache in a_caches if cache in b_caches]
    if not shared:
        yield Refusal(name, f"{_listed(a_caches)} caches in A, {_listed(b_caches)} in B")
    for cache in shared:
        full_name = f"{name} ({COLD} caches)" if cache == COLD else name
        one, other = a_caches[cache], b_caches[cache]
        same_kind = a_side.device.kind == b_side.device.kind
        reason = _incomparable(_cases(one), _cases(other), same_kind)
        if reason or _twice(one) or _twice(other):
            yield Refusal(full_name, reason or "measured twice in one process run")
            continue
        if len(a_side.runs) == len(b_side.runs):
            one, other = _aligned(one, other)
        # Runs are pairs where both sides have as many and these are the same ones of each.
        paired = len(a_side.runs) == len(b_side.runs) and _indices(one) == _indices(other)
        yield speed_of(full_name, _cases(one), _cases(other), paired)


def _unusable(name: str, side: str, cases: Indexed) -> Refusal | None:
    """A result that is wrong in any run spoils the case, one that is missing only in all."""
    for _, case in cases:
        if case.status is CaseStatus.WRONG:
            return Refusal(name, f"wrong in {side}: {case.reason}", wrong=True)
    if any(case.status is CaseStatus.OK and is_time(case.median_sec) for _, case in cases):
        return None
    first = cases[0][1]
    if first.status is CaseStatus.OK:
        return Refusal(name, f"{side} has no time of it")
    return Refusal(name, f"{first.status.value.replace('_', ' ')} in {side}: {first.reason}")


def _by_cache(cases: Indexed) -> ByCache:
    """The usable cases by the state of the caches."""
    caches: ByCache = {}
    for index, case in cases:
        if case.status is CaseStatus.OK and case.timing and is_time(case.median_sec):
            caches.setdefault(case.timing.cache, []).append((index, case))
    return caches


def _incomparable(a: Sequence[Case], b: Sequence[Case], same_kind: bool) -> str | None:
    """Why these times mean different things, or None.

    A CPU is timed by the host's clock, a GPU by its own events: that is the comparison asked
    for. On two devices of one kind another method is another quantity.
    """
    a_methods, b_methods = _methods(a), _methods(b)
    for side, methods in (("A", a_methods), ("B", b_methods)):
        if len(methods) > 1:
            return f"timed in several ways in {side}: {_listed(methods)}"
    if same_kind and a_methods != b_methods:
        return f"timed by {_listed(a_methods)} in A, by {_listed(b_methods)} in B"
    a_flops, b_flops = ({case.flops for case in cases} for cases in (a, b))
    if a_flops != b_flops:
        return f"{_listed(a_flops)} FLOP in A, {_listed(b_flops)} in B"
    return None


def _methods(cases: Sequence[Case]) -> set[str]:
    return {case.timing.method for case in cases if case.timing}


def _twice(cases: Indexed) -> bool:
    return len({index for index, _ in cases}) < len(cases)


def _aligned(a: Indexed, b: Indexed) -> tuple[Indexed, Indexed]:
    """Only the runs that both sides have, so that their pairs stay pairs; all if none is."""
    common = {index for index, _ in a} & {index for index, _ in b}
    if not common:
        return a, b
    one, other = ([item for item in side if item[0] in common] for side in (a, b))
    return one, other


def _indices(indexed: Indexed) -> list[int]:
    return [index for index, _ in indexed]


def _cases(indexed: Indexed) -> list[Case]:
    return [case for _, case in indexed]


def _listed(words: Iterable[object]) -> str:
    return " and ".join(sorted(map(str, words)))
