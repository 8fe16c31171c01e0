"""`workload doctor`: check whether PyTorch works on this machine; explain the checks."""

import os
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from workload.cli.console import laid_out
from workload.cli.options import DoctorOptions, ExplainOptions
from workload.cli.progress import progress
from workload.cli.session import Session
from workload.cli.steps.all_devices import of_one, run_ranks, slots_of
from workload.cli.steps.doctor import examine_and_record, judge_and_record, report_first_failure
from workload.core import records
from workload.core.errors import ExitCode, UnfitError
from workload.core.files import require_replaceable, write_atomically
from workload.core.models.facts import DEEP, DEFAULT, QUICK, Facts
from workload.core.models.finding import Finding
from workload.core.models.model import as_json, from_json
from workload.core.models.stress import Deep
from workload.core.places import fix_of
from workload.core.units import format_seconds
from workload.doctor import exit_code
from workload.doctor.bundle import archive, is_bundle, texts
from workload.doctor.checks.check import Explanation
from workload.doctor.checks.registry import CHECKS, explain
from workload.doctor.redaction import redaction
from workload.report.terminal import findings as findings_text
from workload.report.terminal import rank_table
from workload.report.terminal.facts_table import facts_table
from workload.report.terminal.tables import labelled

MAX_BUNDLE_BYTES = 64 << 20  # a thousand times the usual size
PRIVATE = 0o600


def command(session: Session, options: DoctorOptions) -> ExitCode:
    """Print the findings, and the first failure again in one line on stderr."""
    if options.bundle is not None:
        # Check this first: the other checks may take minutes.
        require_replaceable(options.bundle, MAX_BUNDLE_BYTES, is_bundle, "--bundle", "bundle")
    slots = slots_of(options)
    if slots:
        return run_ranks(session, options, slots, rank_table.stressed_table)
    options = of_one(options)
    depth = QUICK if options.quick else DEEP if options.deep else DEFAULT
    session.watch_driver()
    facts, findings = examine_and_record(session, options.device, depth)
    session.wait_for_others()
    if options.deep and facts.torch:
        facts, findings = _burn_in(session, options, facts)
    code = exit_code(findings, options.strict)
    advice = session.advise(code)
    session.info(*findings_text.report(findings, options.strict, advice))
    if options.facts:
        session.info("", facts_table(as_json(facts)))
    report_first_failure(session, findings, options.strict)
    if options.bundle is not None:
        code = _save_bundle(session, options.bundle, facts, findings, code)
    return code


def _burn_in(
    session: Session, options: DoctorOptions, facts: Facts
) -> tuple[Facts, tuple[Finding, ...]]:
    """Run the stress test, recording results as they become known; return facts and findings."""
    # These import torch.
    from workload.doctor.stress.runner import run_stress  # noqa: PLC0415
    from workload.hardware import devices  # noqa: PLC0415

    def known(deep: Deep | None) -> tuple[Facts, tuple[Finding, ...]]:
        known_facts = replace(facts, deep=deep)
        return known_facts, judge_and_record(session, known_facts)

    try:
        device = devices.resolve(options.device)
    except UnfitError:
        found = known(None)
        if exit_code(found[1]) is ExitCode.OK:  # otherwise a failed check reports the cause
            raise
        return found
    session.builder.set("device", device)
    session.info(labelled("stress", f"within {format_seconds(options.budget)}"))
    with progress("burn in", options.budget) as advance:

        def keep(deep: Deep, note: str) -> None:
            known(deep)
            advance(deep.elapsed_sec, note)

        return known(run_stress(device, options.budget, keep))


def explain_checks(session: Session, options: ExplainOptions) -> ExitCode:
    """Print one check in full, or one line per check. Raises BadInputError for an unknown id."""
    ids = [check.id for check in CHECKS] if options.id is None else [options.id]
    explanations = [explain(id_) for id_ in ids]
    if options.id is None:
        session.info(*(f"{one.id:20}{one.asks}" for one in explanations))
    else:
        session.info(*_in_full(explanations[0]))
    if options.json:
        session.print_document(records.dump(explanations))
    return ExitCode.OK


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


def _save_bundle(
    session: Session, path: Path, facts: Facts, findings: Sequence[Finding], code: ExitCode
) -> ExitCode:
    """Write the bundle and print its path. Return `code`, or NOT_SAVED if only this fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, archive(_members(session, facts, findings, code)), PRIVATE)
    except OSError as error:
        session.error(
            f"the bundle could not be written to {path}: {error.strerror or error}; "
            f"{fix_of(error, path.parent, '--bundle')}"
        )
        return code or ExitCode.NOT_SAVED
    session.info(f"bundle  {path} (check its content before you send it)")
    return code


def _members(
    session: Session, facts: Facts, findings: Sequence[Finding], code: ExitCode
) -> dict[str, str]:
    """Return the text of each file in the bundle, by file name.

    The texts are redacted before they are laid out: a table could split a secret into two lines.
    """
    hide = redaction(os.environ)
    ended = hide.value(as_json(session.builder.as_ended(code, None)))
    redacted = [from_json(Finding, hide.value(as_json(finding))) for finding in findings]
    facts_text = laid_out(facts_table(hide.value(as_json(facts))), None)
    lines = [*findings_text.report(redacted), "", facts_text]
    return {
        "record.json": records.dump(ended).decode(),
        "doctor.txt": "".join(f"{line}\n" for line in lines),
        **{name: hide.text(text) for name, text in texts(facts).items()},
    }
