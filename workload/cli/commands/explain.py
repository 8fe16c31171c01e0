"""`workload doctor explain`: what a check is about."""

from workload.cli.options import ExplainOptions
from workload.cli.session import Session
from workload.core import records
from workload.core.errors import ExitCode
from workload.doctor.checks.check import Explanation
from workload.doctor.checks.registry import CHECKS, explain


def command(session: Session, options: ExplainOptions) -> ExitCode:
    """Print one check in full, or all in a line each. Raises BadInputError for an unknown id."""
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
    rows = {
        "asks": explanation.asks,
        "why": explanation.why,
        "fix": explanation.fix,
        "link": explanation.link,
    }
    indent = "\n" + 8 * " "
    lines = (f"  {name:6}{indent.join(text.splitlines())}" for name, text in rows.items() if text)
    return [explanation.id, *lines]
