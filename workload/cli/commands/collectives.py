"""`workload collectives`: how fast ranks exchange data, and whether it arrives correctly."""

from collections.abc import Sequence

from workload.cli.options import CollectivesOptions
from workload.cli.progress import progress
from workload.cli.session import Session
from workload.cli.steps.collectives import failure_of, operations_of, plan_of
from workload.cli.steps.device import announce, device_of_rank
from workload.cli.steps.variables import warn_of_variables
from workload.collectives.measure import unmeasured
from workload.collectives.pairs import Pairs
from workload.collectives.places import read_topology
from workload.collectives.sweep import Sweep
from workload.collectives.team import Team
from workload.core.case_titles import full_title
from workload.core.errors import BadInputError, ExitCode
from workload.core.models.case import Case, CaseStatus
from workload.core.models.collectives import Collectives
from workload.core.models.device import DeviceInfo
from workload.distributed.environment import Place
from workload.distributed.group import BACKENDS, joined
from workload.report.terminal import case_table, collective_table, summary


def command(session: Session, options: CollectivesOptions) -> ExitCode:
    """Check and time every operation between the ranks; name wrong results and slow links."""
    place = session.place
    if place is None or place.world_size == 1:
        raise BadInputError(
            "operations between ranks need two or more: add --ranks N, or start it with torchrun"
        )
    device = device_of_rank(options.device, place)
    announce(session, device)
    warn_of_variables(session, device.kind, BACKENDS[device.kind])
    with joined(place, device):
        sweep = _sweep(options, place, device)
        cases = _measured(session, sweep, options.budget)
    if place.leads:  # the last to end, and the one that fails
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
    """Measure everything; the record of rank 0 has each case as soon as it is known."""
    session.builder.set("collectives", sweep.section())
    session.info(*collective_table.topology_lines(sweep.section()))
    reason = "the run ended before this case"
    session.builder.expect(
        [unmeasured(one, CaseStatus.INTERRUPTED, reason) for one in sweep.operations]
    )
    cases: dict[str, Case] = {}
    session.info(summary.stage_line(sweep.counts, budget_sec))
    with progress("measure", sweep.steps, quiet=not sweep.team.leads) as advance:
        for done, case in enumerate(sweep.run(budget_sec), start=1):
            cases[case.name] = case
            session.builder.add_case(case)
            advance(done, full_title(case))
    return list(cases.values())


def _conclude(session: Session, sweep: Sweep, cases: Sequence[Case]) -> None:
    """Show and record what was found; raise the error with which the command ends."""
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
