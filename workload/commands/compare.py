"""`workload compare`: two records side by side."""

from workload import record, render
from workload.compare import compare
from workload.errors import ExitCode
from workload.results import as_json
from workload.session import Session


def command(session: Session) -> ExitCode:
    """Speeds of A and B and whether their losses agree; WRONG_NUMBERS where they do not."""
    arguments = session.arguments
    comparison = compare(record.load(arguments.a), record.load(arguments.b))
    lines = render.comparison_lines(comparison)
    session.say(*lines[:2], "", render.speeds_table(comparison.speeds, "A", "B"), "", lines[2])
    if arguments.json:
        session.print_json(record.dump(as_json(comparison)))
    worst = comparison.worst
    if worst is not None and not worst.ok:
        session.complain(
            f"{worst.name}: the two records' losses disagree beyond rounding: "
            "run `workload verify` on both machines"
        )
        return ExitCode.WRONG_NUMBERS
    return ExitCode.OK
