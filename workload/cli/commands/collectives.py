"""`workload collectives`: measure how fast ranks exchange data, and check the received data."""

from collections.abc import Sequence

from workload.cli.options import CollectivesOptions
from workload.cli.progress import progress
from workload.cli.session import Session
from workload.cli.steps.device import announce, device_of_rank
from workload.cli.steps.variables import warn_of_variables
from workload.collectives.measure import unmeasured
from workload.collectives.operations import COLLECTIVES, Operation, elements_of
from workload.collectives.places import Topology, read_topology
from workload.collectives.rounds import one_by_one, tournament
from workload.collectives.sweep import Pairs, Plan, Sweep
from workload.collectives.team import Team
from workload.core.case_titles import full_title
from workload.core.errors import (
    BadInputError,
    ExitCode,
    UnfitError,
    WorkloadError,
    WrongNumbersError,
)
from workload.core.models.case import Case, CaseStatus
from workload.core.models.collectives import Collectives
from workload.core.models.device import DeviceInfo
from workload.core.units import plural
from workload.distributed.environment import Place
from workload.distributed.group import BACKENDS, joined
from workload.report.terminal import case_table, collective_table, summary

KIB, MIB = 1 << 10, 1 << 20
SIZES = {
    "cpu": (KIB, 64 * KIB, MIB, 16 * MIB),
    "cuda": (KIB, 64 * KIB, MIB, 16 * MIB, 256 * MIB),
}
# The dtype matters for sums, but not for data that is only moved.
SUMMED_DTYPES, MOVED_DTYPES = ("float32", "bfloat16"), ("float32",)
# Up to this many ranks, pairs are measured one by one. With more, that would take minutes.
MAX_ALONE = 8


def command(session: Session, options: CollectivesOptions) -> ExitCode:
    """Check and time every operation between the ranks; name wrong results and slow links."""
    place = session.place
    if place is None or place.world_size == 1:
        raise BadInputError(
            "operations between ranks need at least two ranks: add --ranks N, or use torchrun"
        )
    device = device_of_rank(options.device, place)
    announce(session, device)
    warn_of_variables(session, device.kind, BACKENDS[device.kind])
    with joined(place, device):
        sweep = _sweep(options, place, device)
        cases = _measured(session, sweep, options.budget)
    if place.leads:  # only rank 0 shows the results, and ends with an error if there was a failure
        _conclude(session, sweep, cases)
    return ExitCode.OK


def _sweep(options: CollectivesOptions, place: Place, device: DeviceInfo) -> Sweep:
    team = Team(place)
    topology = read_topology(team, device)
    plan = plan_of(options, topology, device.kind)
    link_of = topology.link_of_nodes if options.pairs else topology.link
    operations = operations_of(options, team.ranks, device.kind)
    return Sweep(team, device, topology, operations, Pairs(plan, link_of, team, device))


def _measured(session: Session, sweep: Sweep, budget_sec: float) -> list[Case]:
    """Measure and return all cases; rank 0 records each one as soon as it is known."""
    session.builder.set("collectives", sweep.section())
    session.info(*collective_table.topology_lines(sweep.section()))
    reason = "the run ended before this case"
    session.builder.expect(
        [unmeasured(one, CaseStatus.INTERRUPTED, reason) for one in sweep.operations]
    )
    cases: dict[str, Case] = {}
    session.info(summary.stage_line(sweep.counts, budget_sec))
    with progress("measure", sweep.steps, quiet=not sweep.team.leads) as advance:
        for done, found in enumerate(sweep.run(budget_sec), start=1):
            # Two sizes of a pair can round to the same one: a wrong result of either counts.
            case = worse(cases.get(found.name), found)
            cases[case.name] = case
            session.builder.add_case(case)
            advance(done, full_title(case))
    return list(cases.values())


def worse(before: Case | None, now: Case) -> Case:
    """Return the earlier case if it is wrong, else the later one."""
    return before if before and before.status is CaseStatus.WRONG else now


def _conclude(session: Session, sweep: Sweep, cases: Sequence[Case]) -> None:
    """Show and record the results; raise the error with which the command ends, if any."""
    found = sweep.section()
    session.builder.set("collectives", found)
    _show(session, found, cases)
    failure = failure_of(cases)
    if failure:
        raise failure


def _show(session: Session, found: Collectives, cases: Sequence[Case]) -> None:
    tables = [
        collective_table.topology_table(found),
        collective_table.operations_table(cases),
        collective_table.pairs_table(found, {case.name: case for case in cases}),
    ]
    for table in tables:
        if table and table.rows:
            session.info("", table)
    latency = collective_table.latency_line(cases)
    session.info(
        "",
        collective_table.checked_line(cases),
        *([latency] if latency else []),
        *collective_table.legend_lines(found),
        *collective_table.slow_lines(found),
        *case_table.warning_lines(cases),
        *case_table.not_run_lines(cases),
    )


def operations_of(options: CollectivesOptions, ranks: int, kind: str) -> list[Operation]:
    """Return the operations to measure: every kind, dtype and size; none with --pairs."""
    if options.pairs:
        return []
    sizes = options.sizes or SIZES[kind]
    return [
        operation(dtype, ranks, elements)
        for operation in COLLECTIVES
        for dtype in options.dtypes or (SUMMED_DTYPES if operation.sums else MOVED_DTYPES)
        for elements in sorted({elements_of(size, dtype, ranks) for size in sizes})
    ]


def plan_of(options: CollectivesOptions, topology: Topology, kind: str) -> Plan:
    """Return the pairs to measure: pairs of nodes with --pairs, otherwise pairs of ranks.

    Raises BadInputError for --pairs on one node.
    """
    sizes = options.sizes or SIZES[kind]
    ends = sorted({min(sizes), max(sizes)})
    if options.pairs:
        nodes = topology.nodes
        if len(nodes) == 1:
            raise BadInputError(
                f"--pairs compares nodes, but all {len(topology.places)} ranks are on one node: "
                "leave --pairs out, or start ranks on several nodes"
            )
        return Plan(nodes, tournament(len(nodes)), ends, "nodes")
    ranks = [(place.rank,) for place in topology.places]
    rounds = one_by_one if len(ranks) <= MAX_ALONE else tournament
    return Plan(ranks, rounds(len(ranks)), ends, "ranks")


def failure_of(cases: Sequence[Case]) -> WorkloadError | None:
    """Return the error with which the command ends; None if no case failed and at least one ran."""
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
    """Return a line that names the ranks and the first of the cases."""
    ranks, _, what = (cases[0].reason or "").partition(": ")
    return (
        f"{ranks}: wrong numbers in {full_title(cases[0])}: {what}{_more(cases)}: do not trust "
        "the results of these ranks; run `workload doctor` on each node"
    )


def _first(cases: Sequence[Case]) -> str:
    return f"{full_title(cases[0])}: {cases[0].reason}{_more(cases)}"


def _more(cases: Sequence[Case]) -> str:
    return f" (and in {plural(len(cases) - 1, 'other case')})" if len(cases) > 1 else ""
