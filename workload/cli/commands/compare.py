"""`workload compare`: compare two sides case by case, and fail on regressions if requested."""

from collections.abc import Sequence

from workload.cli.options import CompareOptions
from workload.cli.session import Session
from workload.compare import Comparison, Speed, compare
from workload.compare.bias import Unjudged
from workload.compare.loader import load_side
from workload.compare.speeds import MARGIN
from workload.core import records
from workload.core.errors import ExitCode
from workload.core.units import plural, some
from workload.report import documents
from workload.report.terminal import comparison_table
from workload.report.terminal.comparison_table import Text, span_words, times_words

DOCUMENTS = {"markdown": documents.markdown, "html": documents.html}


def command(session: Session, options: CompareOptions) -> ExitCode:
    """Show the speeds of both sides with their verdicts; return the exit code."""
    baseline, candidate = load_side(options.baseline), load_side(options.candidate)
    for problem in (*baseline.problems, *candidate.problems):
        session.error(f"left out: {problem}")
    comparison = compare(baseline, candidate, allowed=options.fail_if_slower or MARGIN)
    text = comparison_table.text_of(comparison)
    before, after = map(comparison_table.lines, (text.before, text.after))
    session.info(*before, "", text.table, "", *after)
    _print_document(session, options, comparison, text)
    return _exit_code(session, options, comparison)


def _print_document(
    session: Session, options: CompareOptions, comparison: Comparison, text: Text
) -> None:
    if options.json:
        session.print_document(records.dump(comparison))
    elif options.format in DOCUMENTS:
        session.print_document(DOCUMENTS[options.format](text).encode())


def _exit_code(session: Session, options: CompareOptions, comparison: Comparison) -> ExitCode:
    """Return the exit code and print why: wrong numbers first, then slow or missing cases."""
    wrong = [one for one in comparison.unpaired if one.wrong]
    if wrong:
        named = some(f"{one.title} {one.reason}" for one in wrong)
        session.error(f"wrong numbers: {named}: run `workload verify` where this was measured")
        return ExitCode.WRONG_NUMBERS
    worst = comparison.worst_disagreement
    if worst is not None and not worst.ok:
        session.error(
            f"{worst.name}: the losses of baseline and candidate disagree beyond rounding: "
            "run `workload verify` on both machines"
        )
        return ExitCode.WRONG_NUMBERS
    return _exit_code_of_speeds(session, options, comparison)


def _exit_code_of_speeds(
    session: Session, options: CompareOptions, comparison: Comparison
) -> ExitCode:
    allowed = options.fail_if_slower
    if allowed is None:
        return ExitCode.OK
    if comparison.lost:
        session.error(
            f"the candidate has no usable time for {some(comparison.lost)}, which the baseline "
            "measured: measure both with the same options, including --budget"
        )
    slower = comparison.slower_by(allowed)
    if slower:
        session.error(f"the candidate is slower by over {100 * allowed:.3g}%: {_named(slower)}")
        return ExitCode.TOO_SLOW
    unjudged = comparison.unjudged
    none = all(one.unjudged for one in comparison.speeds)
    if unjudged and (options.strict or none):
        session.error(
            _unjudged_line(
                unjudged, "no case could be judged" if none else "some cases were not judged"
            )
        )
        return ExitCode.TOO_SLOW if options.strict else ExitCode.UNFIT
    return ExitCode.UNFIT if comparison.lost else ExitCode.OK


def _named(slower: Sequence[Speed]) -> str:
    return some(
        f"{speed.title} at {times_words(speed.speedup)} times the baseline's speed "
        f"(95% interval {span_words(speed.interval)})"
        for speed in sorted(slower, key=lambda speed: speed.speedup)
    )


def _unjudged_line(unjudged: Sequence[Unjudged], what: str) -> str:
    """Return a line on the unjudged cases (named in earlier lines): why, how many, what to do."""
    reasons = "; ".join(
        f"{problem} ({plural(len(group), 'case')})"
        for problem, group in comparison_table.grouped(unjudged).items()
    )
    return f"{what}: {reasons}: measure both sides in the same way, on an idle machine"
