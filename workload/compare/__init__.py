"""Two sides, case by case: which is faster, how surely, and what cannot be compared. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workload.compare.agreement import Disagreement, disagreements
from workload.compare.intervals import Basis
from workload.compare.loader import Side
from workload.compare.pairing import Pairing, Refusal, pair
from workload.compare.speeds import Speed, Verdict
from workload.core.errors import BadInputError, WrongNumbersError
from workload.core.results import DeviceInfo

__all__ = ["Basis", "Comparison", "Pairing", "Party", "Speed", "Verdict", "compare", "pair"]

NAMED = 6  # cases in one line


@dataclass(frozen=True)
class Party:
    """Who a side is. Where its runs differ, every value is there."""

    name: str
    device: DeviceInfo
    runs: int
    threads: tuple[int, ...]
    versions: dict[str, tuple[str, ...]]
    problems: tuple[str, ...]  # of files that are left out


@dataclass(frozen=True)
class Comparison:
    """What two sides have in common, and what they have not."""

    a: Party
    b: Party
    interleaved: bool | None  # whether the process runs took turns; None for one a side
    speeds: tuple[Speed, ...]
    refusals: tuple[Refusal, ...]
    only_in_a: tuple[str, ...]
    lost: tuple[str, ...]  # that A measured and B did not, or not usably
    only_in_b: tuple[str, ...]
    disagreements: tuple[Disagreement, ...]

    @property
    def worst_disagreement(self) -> Disagreement | None:
        """The one that uses most of its tolerance; one without an error is worst."""
        return max(self.disagreements, key=lambda one: one.share, default=None)

    @property
    def varied_threads(self) -> tuple[int, ...]:
        """The thread counts of one and the same CPU, where its runs differ in them."""
        devices = {(party.device.kind, party.device.name) for party in (self.a, self.b)}
        counts = tuple(sorted({*self.a.threads, *self.b.threads}))
        one_cpu = len(devices) == 1 and self.a.device.kind == "cpu"
        return counts if one_cpu and len(counts) > 1 else ()

    @property
    def verdicts(self) -> dict[Verdict, int]:
        """How many cases ended how."""
        counts = Counter(speed.verdict for speed in self.speeds)
        return {verdict: counts[verdict] for verdict in Verdict if counts[verdict]}

    def slower_by(self, share: float) -> list[Speed]:
        """The cases whose whole interval lies below 1 - `share` of A's speed."""
        return [speed for speed in self.speeds if speed.is_slower_by(share)]


def compare(a: Side, b: Side) -> Comparison:
    """Everything both sides have.

    Raises BadInputError if nothing can be compared, WrongNumbersError if wrong results are why.
    """
    pairing = pair(a, b)
    if not pairing.speeds:
        raise _nothing_left(pairing)
    a_trainings, b_trainings = (
        [training for run in side.runs for training in run.trainings] for side in (a, b)
    )
    return Comparison(
        a=_party(a),
        b=_party(b),
        interleaved=_interleaved(a, b),
        disagreements=tuple(disagreements(a_trainings, b_trainings)),
        **vars(pairing),
    )


def some(names: Iterable[str]) -> str:
    """The first few names in one line, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _nothing_left(pairing: Pairing) -> BadInputError | WrongNumbersError:
    reasons = [f"{refusal.name}: {refusal.reason}" for refusal in pairing.refusals]
    if not reasons:
        return BadInputError(
            f"no case in common: A has {some(pairing.only_in_a)}, B has "
            f"{some(pairing.only_in_b)}: measure both with the same options"
        )
    wrong = any(refusal.wrong for refusal in pairing.refusals)
    kind = WrongNumbersError if wrong else BadInputError
    return kind(f"nothing can be compared: {some(reasons)}")


def _party(side: Side) -> Party:
    versions: dict[str, tuple[str, ...]] = {}
    for run in side.runs:
        for name, version in run.versions.items():
            versions[name] = _distinct([*versions.get(name, ()), version])
    threads = tuple(sorted({run.device.threads for run in side.runs}))
    return Party(side.name, side.device, len(side.runs), threads, versions, side.problems)


def _distinct(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _interleaved(a: Side, b: Side) -> bool | None:
    """False where one side was over before the other began: their drift is not shared."""
    if min(len(a.runs), len(b.runs)) == 1:
        return None
    ends = [(side.runs[0].started_at, side.runs[-1].started_at) for side in (a, b)]
    (a_first, a_last), (b_first, b_last) = ends
    return a_first < b_last and b_first < a_last
