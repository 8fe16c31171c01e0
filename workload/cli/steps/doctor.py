"""Run the doctor, record what it finds, and report its first failure."""

from workload.cli.session import Session
from workload.core.models.facts import DEFAULT, Facts
from workload.core.models.finding import Finding, State
from workload.doctor.checks.registry import run_all
from workload.doctor.probes.facts import gather


def examine_and_record(
    session: Session, device: str, depth: str = DEFAULT
) -> tuple[Facts, tuple[Finding, ...]]:
    """Gather facts and findings about the requested device, and record them."""
    facts = gather(device, depth=depth)
    return facts, judge_and_record(session, facts)


def judge_and_record(session: Session, facts: Facts) -> tuple[Finding, ...]:
    """Return one finding per check, causes before consequences; record facts and findings."""
    findings = run_all(facts)
    session.builder.set("environment", facts)
    session.builder.set("findings", findings)
    return findings


def report_first_failure(
    session: Session, findings: tuple[Finding, ...], strict: bool = False
) -> None:
    """Print one line on stderr: the first failure with its cause and fix.

    If `strict` and nothing failed, print the first unknown result.
    """
    states = (State.FAIL, State.UNKNOWN) if strict else (State.FAIL,)
    failed = [finding for state in states for finding in findings if finding.state is state]
    if failed:
        texts = (failed[0].found, failed[0].why, failed[0].fix)
        session.error(": ".join(text.rstrip(".") for text in texts if text))
