"""`workload doctor`: the facts about this machine, and what is wrong with it."""

from workload import render
from workload.doctor import examine, exit_code
from workload.doctor.facts import Facts
from workload.errors import ExitCode
from workload.results import Finding, State, as_json
from workload.session import Session


def command(session: Session) -> ExitCode:
    """Print facts and findings; the first failure is the one line on stderr."""
    facts, findings = examine_and_record(session)
    session.say(render.facts_table(as_json(facts)), "", render.findings_table(findings))
    session.say(render.findings_line(findings))
    complain(session, findings)
    return exit_code(findings)


def examine_and_record(session: Session) -> tuple[Facts, tuple[Finding, ...]]:
    """Facts and findings about the requested device, kept in the draft."""
    facts, findings = examine(session.arguments.device)
    session.draft.set("environment", facts)
    session.draft.set("findings", findings)
    return facts, findings


def complain(session: Session, findings: tuple[Finding, ...]) -> None:
    """One line on stderr: the first failure with its cause and cure."""
    failed = [finding for finding in findings if finding.state is State.FAIL]
    if failed:
        words = (failed[0].found, failed[0].why, failed[0].remedy)
        session.complain(": ".join(text.rstrip(".") for text in words if text))
