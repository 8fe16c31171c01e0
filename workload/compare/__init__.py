"""Compare the cases of a baseline and a candidate: speed-ups, their intervals, cases left out."""

from workload.compare.intervals import Basis
from workload.compare.pairing import Pairing, Unpaired, pair
from workload.compare.speeds import Speed, Verdict
from workload.compare.verdicts import Comparison, Party, compare

__all__ = [
    "Basis",
    "Comparison",
    "Pairing",
    "Party",
    "Speed",
    "Unpaired",
    "Verdict",
    "compare",
    "pair",
]
