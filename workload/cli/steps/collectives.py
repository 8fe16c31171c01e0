"""What `collectives` measures, and how it ends."""

from collections.abc import Sequence

from workload.cli.options import CollectivesOptions
from workload.collectives.operations import COLLECTIVES, Operation, elements_of
from workload.collectives.pairs import Plan
from workload.collectives.places import Topology
from workload.collectives.rounds import one_by_one, tournament
from workload.core.case_titles import full_title
from workload.core.errors import BadInputError, UnfitError, WorkloadError, WrongNumbersError
from workload.core.models.case import Case, CaseStatus
from workload.core.units import plural

KIB, MIB = 1 << 10, 1 << 20
SIZES = {
    "cpu": (KIB, 64 * KIB, MIB, 16 * MIB),
    "cuda": (KIB, 64 * KIB, MIB, 16 * MIB, 256 * MIB),
}
# Sums differ by dtype, what is only moved does not.
SUMMED_DTYPES, MOVED_DTYPES = ("float32", "bfloat16"), ("float32",)
# Up to this many ranks, a pair has the links for itself; more would take minutes.
MAX_ALONE = 8


def operations_of(options: CollectivesOptions, ranks: int, kind: str) -> list[Operation]:
    """Return the operations to measure: every kind, dtype and size; none with --pairs."""
    if options.pairs:
        return []
    return [
        operation(dtype, ranks, elements_of(size, dtype, ranks))
        for operation in COLLECTIVES
        for dtype in options.dtypes or (SUMMED_DTYPES if operation.sums else MOVED_DTYPES)
        for size in sorted(options.sizes or SIZES[kind])
    ]


def plan_of(options: CollectivesOptions, topology: Topology, kind: str) -> Plan:
    """Return which pairs to measure; of nodes with --pairs. Raises BadInputError for one node."""
    sizes = options.sizes or SIZES[kind]
    ends = sorted({min(sizes), max(sizes)})
    if options.pairs:
        nodes = topology.nodes
        if len(nodes) == 1:
            raise BadInputError(
                f"--pairs compares nodes, and all {len(topology.places)} ranks are on one: leave "
                "it out, or start ranks on several nodes"
            )
        return Plan(nodes, tournament(len(nodes)), ends, "nodes")
    ranks = [(place.rank,) for place in topology.places]
    rounds = one_by_one if len(ranks) <= MAX_ALONE else tournament
    return Plan(ranks, rounds(len(ranks)), ends, "ranks")


def failure_of(cases: Sequence[Case]) -> WorkloadError | None:
    """Return the error with which the command ends; None if every case ran or is not supported."""
    by_status: dict[CaseStatus, list[Case]] = {}
    for case in cases:
        by_status.setdefault(case.status, []).append(case)
    if CaseStatus.WRONG in by_status:
        return WrongNumbersError(_wrong_line(by_status[CaseStatus.WRONG]))
    if CaseStatus.DOES_NOT_FIT in by_status:
        return UnfitError(f"{_first(by_status[CaseStatus.DOES_NOT_FIT])}: choose smaller --sizes")
    if CaseStatus.INVALID in by_status:
        words = _first(by_status[CaseStatus.INVALID])
        return UnfitError(f"{words}: repeat on idle, cool GPUs without other processes")
    if CaseStatus.OK not in by_status:
        return UnfitError("no operation could run: see the reasons above")
    return None


def _wrong_line(cases: Sequence[Case]) -> str:
    """Name the ranks and the first of the cases."""
    ranks, _, what = (cases[0].reason or "").partition(": ")
    return (
        f"{ranks}: wrong numbers in {full_title(cases[0])}: {what}{_more(cases)}: do not trust "
        "what these ranks compute together; run `workload doctor` on each node"
    )


def _first(cases: Sequence[Case]) -> str:
    return f"{full_title(cases[0])}: {cases[0].reason}{_more(cases)}"


def _more(cases: Sequence[Case]) -> str:
    return f", and in {plural(len(cases) - 1, 'other case')}" if len(cases) > 1 else ""
