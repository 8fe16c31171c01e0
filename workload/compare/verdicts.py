"""Compare two sides and count the verdicts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from workload.compare.agreement import Disagreement, disagreements
from workload.compare.bias import Difference, Unjudged, differences, unjudged, varied_threads
from workload.compare.loader import Side
from workload.compare.pairing import Pairing, pair
from workload.compare.speeds import MARGIN, Speed, Verdict
from workload.core.errors import BadInputError, WrongNumbersError
from workload.core.models.device import DeviceInfo
from workload.core.units import some


@dataclass(frozen=True)
class Party:
    """The device and software of a side. If its runs differ, the tuples contain all values."""

    name: str
    device: DeviceInfo
    runs: int
    threads: tuple[int, ...]
    versions: dict[str, tuple[str, ...]]
    places: tuple[str, ...]  # image, kind of container, or host
    problems: tuple[str, ...]  # why runs or files are left out
    sources: tuple[str, ...]  # the files


@dataclass(frozen=True)
class Comparison(Pairing):
    """The comparison of two sides, and the cases that only one side has."""

    baseline: Party
    candidate: Party
    interleaved: bool | None  # whether the runs overlap in time; None if a side has one run
    disagreements: tuple[Disagreement, ...]
    varied_threads: tuple[int, ...]  # if they differ although all runs used the same CPU
    differences: tuple[Difference, ...]  # in the environment
    unjudged: tuple[Unjudged, ...]

    @property
    def worst_disagreement(self) -> Disagreement | None:
        """The disagreement with the largest error; an error of None counts as the largest."""
        return max(self.disagreements, key=lambda one: one.share, default=None)

    @property
    def same_files(self) -> bool:
        """Whether a side is compared with itself."""
        return self.baseline.sources == self.candidate.sources

    @property
    def verdicts(self) -> dict[Verdict, int]:
        """The number of cases with each verdict."""
        counts = Counter(speed.verdict for speed in self.speeds)
        return {verdict: counts[verdict] for verdict in Verdict if counts[verdict]}

    def slower_by(self, share: float) -> list[Speed]:
        """Return the judged cases whose whole speed-up interval is below 1 - `share`."""
        return [one for one in self.speeds if not one.unjudged and one.is_slower_by(share)]


def compare(baseline: Side, candidate: Side, *, allowed: float = MARGIN) -> Comparison:
    """Compare everything that both sides have.

    A contended case is judged only if the candidate is slower by more than `allowed` even after its
    waits are subtracted.

    If a side is emulated, only the losses of training runs are compared, not speeds. Raises
    BadInputError if nothing can be compared, or WrongNumbersError if wrong results are the reason.
    """
    pairing = pair(baseline, candidate)
    emulated = baseline.device.emulated_on or candidate.device.emulated_on
    wrong = any(one.wrong for one in pairing.unpaired)
    if not pairing.speeds and (wrong or not (emulated and pairing.unpaired)):
        raise _nothing_left(pairing)
    ours, theirs = (
        [training for run in side.runs for training in run.trainings]
        for side in (baseline, candidate)
    )
    not_judged = unjudged(baseline, candidate, pairing, allowed)
    return Comparison(
        baseline=_party(baseline),
        candidate=_party(candidate),
        interleaved=_interleaved(baseline, candidate),
        disagreements=tuple(disagreements(ours, theirs)),
        varied_threads=varied_threads(baseline, candidate),
        differences=differences(baseline, candidate),
        unjudged=not_judged,
        **vars(pairing) | {"speeds": _judged(pairing.speeds, not_judged)},
    )


def _judged(speeds: Iterable[Speed], not_judged: Iterable[Unjudged]) -> tuple[Speed, ...]:
    """Add the reason to each speed that is not judged; return all speeds."""
    reasons = {one.name: one.reason for one in not_judged}
    return tuple(replace(speed, unjudged=reasons.get(speed.name)) for speed in speeds)


def _nothing_left(pairing: Pairing) -> BadInputError | WrongNumbersError:
    reasons = [f"{one.title}: {one.reason}" for one in pairing.unpaired]
    if not reasons:
        return BadInputError(
            f"no case in common: the baseline has {some(pairing.only_in_baseline)}, the candidate "
            f"has {some(pairing.only_in_candidate)}; measure both with the same options"
        )
    wrong = any(one.wrong for one in pairing.unpaired)
    kind = WrongNumbersError if wrong else BadInputError
    return kind(f"nothing can be compared: {some(reasons)}")


def _party(side: Side) -> Party:
    versions: dict[str, tuple[str, ...]] = {}
    for run in side.runs:
        for name, version in run.versions.items():
            versions[name] = _distinct([*versions.get(name, ()), version])
    return Party(
        name=side.name,
        device=side.device,
        runs=len(side.runs),
        threads=tuple(sorted({run.device.threads for run in side.runs if run.device})),
        versions=versions,
        places=_distinct([run.place for run in side.runs if run.place]),
        problems=side.problems,
        sources=tuple(run.source for run in side.runs),
    )


def _distinct(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _interleaved(baseline: Side, candidate: Side) -> bool | None:
    """Return whether the runs of both sides overlap in time; None if a side has one run.

    If they overlap, slow changes of the machine's speed affect both sides.
    """
    if min(len(baseline.runs), len(candidate.runs)) == 1:
        return None
    ends = [(side.runs[0].started_at, side.runs[-1].started_at) for side in (baseline, candidate)]
    (our_first, our_last), (their_first, their_last) = ends
    return our_first < their_last and their_first < our_last
