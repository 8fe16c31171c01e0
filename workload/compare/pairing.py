"""Find which cases of two sides can be compared, and why the others cannot."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from workload.compare.intervals import is_time
from workload.compare.loader import Side
from workload.compare.speeds import Speed, speed_of
from workload.core.case_titles import full_title
from workload.core.methods import COLD
from workload.core.models.case import Case, CaseStatus

BASELINE, CANDIDATE = "baseline", "candidate"

# The cases of one name on one side, each with the index of its process run.
Indexed = list[tuple[int, Case]]
ByCache = dict[str, Indexed]


@dataclass(frozen=True)
class Excluded:
    """A case that is not compared or not judged.

    `problem` is a reason that several cases can share; `detail` is specific to this case.
    """

    name: str
    title: str
    problem: str
    detail: str | None = None

    @property
    def reason(self) -> str:
        """The problem with the detail, if there is one."""
        return f"{self.problem}: {self.detail}" if self.detail else self.problem

    @property
    def words(self) -> str:
        """The title with the detail, if there is one."""
        return f"{self.title} ({self.detail})" if self.detail else self.title


@dataclass(frozen=True)
class Unpaired(Excluded):
    """A case that both sides have but that is not compared.

    `measured` is true if both sides have a time but the times are not comparable.
    """

    wrong: bool = False  # whether a result is wrong
    measured: bool = False


@dataclass(frozen=True)
class Pairing:
    """The cases of both sides, compared where possible.

    `unpaired` are the cases that both sides have but that are not compared. `lost` are the titles
    of the cases that the baseline measured but for which the candidate has no usable time.
    """

    speeds: tuple[Speed, ...]
    unpaired: tuple[Unpaired, ...]
    only_in_baseline: tuple[str, ...]
    lost: tuple[str, ...]
    only_in_candidate: tuple[str, ...]


def pair(baseline: Side, candidate: Side) -> Pairing:
    """Pair the cases of both sides, in the order of the baseline.

    Cases are paired by name and by the state of the caches. The name contains kind, shape, variant
    and dtype (tf32 is not float32).
    """
    ours, theirs = _by_name(baseline), _by_name(candidate)
    outcomes = list(
        chain.from_iterable(
            _outcomes(name, (baseline, ours[name]), (candidate, theirs[name]))
            for name in ours
            if name in theirs
        )
    )
    return Pairing(
        speeds=tuple(one for one in outcomes if isinstance(one, Speed)),
        unpaired=tuple(one for one in outcomes if isinstance(one, Unpaired)),
        only_in_baseline=tuple(_title(ours[name]) for name in ours if name not in theirs),
        lost=tuple(
            _title(cases)
            for name, cases in ours.items()
            if _unusable(BASELINE, cases) is None
            and (name not in theirs or _unusable(CANDIDATE, theirs[name]) is not None)
        ),
        only_in_candidate=tuple(_title(theirs[name]) for name in theirs if name not in ours),
    )


def _by_name(side: Side) -> dict[str, Indexed]:
    names: dict[str, Indexed] = {}
    for index, run in enumerate(side.runs):
        for case in run.cases:
            names.setdefault(case.name, []).append((index, case))
    return names


def _outcomes(
    name: str, baseline: tuple[Side, Indexed], candidate: tuple[Side, Indexed]
) -> Iterator[Speed | Unpaired]:
    """Compare the cases of one name; yield a Speed or an Unpaired for each state of the caches."""
    (our_side, ours), (their_side, theirs) = baseline, candidate
    unusable = _unusable(BASELINE, ours) or _unusable(CANDIDATE, theirs)
    if unusable:
        yield unusable
        return
    title = _title(ours)
    our_caches, their_caches = _by_cache(ours), _by_cache(theirs)
    shared = [cache for cache in our_caches if cache in their_caches]
    if not shared:
        words = f"{_listed(our_caches)} caches in the {BASELINE}, {_listed(their_caches)} in the "
        yield Unpaired(name, title, words + CANDIDATE, measured=True)
    for cache in shared:
        suffix = f" ({COLD} caches)" if cache == COLD else ""
        one, other = our_caches[cache], their_caches[cache]
        same_kind = our_side.device.kind == their_side.device.kind
        reason = _incomparable(_cases(one), _cases(other), same_kind)
        if reason or _twice(one) or _twice(other):
            problem = reason or "measured twice in one run"
            yield Unpaired(name + suffix, title + suffix, problem, measured=True)
            continue
        if len(our_side.runs) == len(their_side.runs):
            one, other = _aligned(one, other)
        # Runs form pairs if both sides have equally many runs and the same runs measured the case.
        paired = len(our_side.runs) == len(their_side.runs) and _indices(one) == _indices(other)
        yield speed_of(name + suffix, title + suffix, _cases(one), _cases(other), paired)


def _unusable(side: str, cases: Indexed) -> Unpaired | None:
    """Return why a side has no usable time; None if it has one.

    A side has no usable time if the result of any run is wrong, or if no run has a valid time.
    """
    first = cases[0][1]
    for _, case in cases:
        if case.status is CaseStatus.WRONG:
            return Unpaired(
                case.name, full_title(case), f"wrong in the {side}", case.reason, wrong=True
            )
    if any(case.status is CaseStatus.OK and is_time(case.median_sec) for _, case in cases):
        return None
    if first.status is CaseStatus.OK:
        return Unpaired(first.name, full_title(first), f"no time in the {side}")
    problem = f"{first.status.words} in the {side}"
    measured = first.status is CaseStatus.EMULATED
    return Unpaired(first.name, full_title(first), problem, first.reason, measured=measured)


def _by_cache(cases: Indexed) -> ByCache:
    """Group the usable cases by the state of the caches."""
    caches: ByCache = {}
    for index, case in cases:
        if case.status is CaseStatus.OK and case.timing and is_time(case.median_sec):
            caches.setdefault(case.timing.cache, []).append((index, case))
    return caches


def _incomparable(
    baseline: Sequence[Case], candidate: Sequence[Case], same_kind: bool
) -> str | None:
    """Return why these times are not comparable; None if they are.

    The times of a CPU (host clock) and a GPU (CUDA events) are comparable. Two devices of one kind
    must be timed by the same method.
    """
    ours, theirs = _methods(baseline), _methods(candidate)
    for side, methods in ((BASELINE, ours), (CANDIDATE, theirs)):
        if len(methods) > 1:
            return f"timed in several ways in the {side}: {_listed(methods)}"
    if same_kind and ours != theirs:
        return (
            f"timed by {_listed(ours)} in the {BASELINE}, by {_listed(theirs)} in the {CANDIDATE}"
        )
    our_flops, their_flops = ({case.flops for case in cases} for cases in (baseline, candidate))
    if our_flops != their_flops:
        return (
            f"{_listed(our_flops)} FLOP in the {BASELINE}, "
            f"{_listed(their_flops)} in the {CANDIDATE}"
        )
    return None


def _methods(cases: Sequence[Case]) -> set[str]:
    return {case.timing.method for case in cases if case.timing}


def _twice(cases: Indexed) -> bool:
    return len({index for index, _ in cases}) < len(cases)


def _aligned(baseline: Indexed, candidate: Indexed) -> tuple[Indexed, Indexed]:
    """Keep the cases whose run index occurs on both sides, so that the runs form pairs.

    If no index occurs on both sides, keep all cases.
    """
    common = {index for index, _ in baseline} & {index for index, _ in candidate}
    if not common:
        return baseline, candidate
    one, other = ([item for item in side if item[0] in common] for side in (baseline, candidate))
    return one, other


def _indices(indexed: Indexed) -> list[int]:
    return [index for index, _ in indexed]


def _title(indexed: Indexed) -> str:
    return full_title(indexed[0][1])


def _cases(indexed: Indexed) -> list[Case]:
    return [case for _, case in indexed]


def _listed(words: Iterable[object]) -> str:
    return " and ".join(sorted(map(str, words)))
