"""`workload doctor explain`: explain one check, or list all."""

from workload.cli.options import ExplainOptions
from workload.cli.session import Session
from workload.core import records
from workload.core.errors import ExitCode
from workload.doctor.checks.check import Explanation
from workload.doctor.checks.registry import CHECKS, explain
from workload.report.terminal.tables import labelled


def command(session: Session, options: ExplainOptions) -> ExitCode:
    """Print one check in full, or one line per check. Raises BadInputError for an unknown id."""
    ids = [check.id for check in CHECKS] if options.id is None else [options.id]
    explanations = [explain(id_) for id_ in ids]
    lines = map(_in_a_line, explanations) if options.id is None else _in_full(explanations[0])
    session.info(*lines)
    if options.json:
        session.print_document(records.dump(explanations))
    return ExitCode.OK


def _in_a_line(explanation: Explanation) -> str:
    return f"{explanation.id:20}{explanation.asks}"


def _in_full(explanation: Explanation) -> list[str]:
    fix, *commands = explanation.fix.splitlines()
    return [
        explanation.id,
        labelled("asks", explanation.asks),
        labelled("why", explanation.why),
        labelled("fix", fix),
        *(labelled("", f"  {command}") for command in commands),
        *([labelled("link", explanation.link)] if explanation.link else []),
    ]
