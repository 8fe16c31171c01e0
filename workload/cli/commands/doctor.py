"""`workload doctor`: the facts about this machine, and what is wrong with it."""

from dataclasses import replace

from workload.cli.commands import bundling
from workload.cli.progress import progress
from workload.cli.session import Session
from workload.core import record
from workload.core.errors import ExitCode
from workload.core.results import Finding, State, as_json
from workload.doctor import examine, exit_code
from workload.doctor.checks.registry import CHECKS, judge
from workload.doctor.checks.wording import Explanation, explain, word
from workload.doctor.probes.facts import DEEP, DEFAULT, QUICK, Facts
from workload.doctor.stress.facts import Deep
from workload.report.terminal import summary


def command(session: Session) -> ExitCode:
    """Print facts and findings; the first failure is the one line on stderr."""
    arguments = session.arguments
    if arguments.explain is not None:
        return _explain(session, arguments.explain)
    if arguments.bundle is not None:
        bundling.require_replaceable(arguments.bundle)  # before minutes of work
    depth = QUICK if arguments.quick else DEEP if arguments.deep else DEFAULT
    facts, findings = examine_and_record(session, depth)
    if arguments.deep and facts.torch:
        facts, findings = _burn_in(session, facts, arguments.budget)
    if not arguments.quick:
        session.info(summary.facts_table(as_json(facts)), "")
    session.info(summary.findings_table(findings), summary.findings_line(findings))
    error(session, findings, arguments.strict)
    code = exit_code(findings, arguments.strict)
    if arguments.bundle is not None:
        code = bundling.save(session, arguments.bundle, facts, findings, code)
    return code


def examine_and_record(session: Session, depth: str = DEFAULT) -> tuple[Facts, tuple[Finding, ...]]:
    """Facts and findings about the requested device, kept in the builder."""
    facts, findings = examine(session.arguments.device, depth)
    session.builder.set("environment", facts)
    session.builder.set("findings", findings)
    return facts, findings


def _burn_in(
    session: Session, facts: Facts, budget_sec: float
) -> tuple[Facts, tuple[Finding, ...]]:
    """Facts and findings with those of the burn-in, which the builder has all along."""
    from workload.doctor.stress.runner import dig  # noqa: PLC0415  imports torch

    def known(deep: Deep | None) -> tuple[Facts, tuple[Finding, ...]]:
        dug = replace(facts, deep=deep)
        findings = word(judge(dug))
        session.builder.set("environment", dug)
        session.builder.set("findings", findings)
        return dug, findings

    with progress("burn in", budget_sec) as advance:

        def keep(deep: Deep, note: str) -> None:
            known(deep)
            advance(deep.elapsed_sec, note)

        return known(dig(session.arguments.device, budget_sec, keep))


def error(session: Session, findings: tuple[Finding, ...], strict: bool = False) -> None:
    """One line on stderr: the first failure with its cause and cure.

    Where `strict` and nothing failed, the first question without an answer.
    """
    grave = (State.FAIL, State.UNKNOWN) if strict else (State.FAIL,)
    failed = [finding for state in grave for finding in findings if finding.state is state]
    if failed:
        words = (failed[0].found, failed[0].why, failed[0].fix)
        session.error(": ".join(text.rstrip(".") for text in words if text))


def _explain(session: Session, ids: list[str]) -> ExitCode:
    """One check in full, or all in a line each. Raises BadInputError for an unknown id."""
    explanations = [explain(id_) for id_ in ids or [check.id for check in CHECKS]]
    session.info(*(_in_full(explanations[0]) if ids else map(_in_a_line, explanations)))
    if session.arguments.json:
        session.print_document(record.dump(as_json(explanations)))
    del session.arguments.output  # an explanation is no record
    return ExitCode.OK


def _in_a_line(explanation: Explanation) -> str:
    return f"{explanation.id:20}{explanation.asks}"


def _in_full(explanation: Explanation) -> list[str]:
    rows = {
        "asks": explanation.asks,
        "why": explanation.why,
        "do": explanation.fix,
        "link": explanation.link,
    }
    return [explanation.id, *(f"  {name:6}{text}" for name, text in rows.items() if text)]
