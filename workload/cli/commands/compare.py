"""`workload compare`: two sides, case by case, and a gate against regressions."""

from workload.cli.options import CompareOptions
from workload.cli.session import Session
from workload.compare import Comparison, compare, some
from workload.compare.loader import load_side
from workload.core import record
from workload.core.errors import ExitCode
from workload.core.results import as_json
from workload.report.terminal import comparison_table
from workload.report.terminal.comparison_table import Words, span_words, times_words

DOCUMENTS = {"markdown": comparison_table.markdown, "html": comparison_table.html}


def command(session: Session, options: CompareOptions) -> ExitCode:
    """Speeds of A and B with their verdicts; WRONG_NUMBERS, TOO_SLOW or OK."""
    a, b = load_side(options.a), load_side(options.b)
    for problem in (*a.problems, *b.problems):
        session.error(f"left out: {problem}")
    comparison = compare(a, b)
    words = comparison_table.words_of(comparison)
    before, after = map(comparison_table.lines, (words.before, words.after))
    session.info(*before, "", comparison_table.speeds_table(comparison.speeds), "", *after)
    _print_document(session, options, comparison, words)
    return _exit_code(session, options, comparison)


def _print_document(
    session: Session, options: CompareOptions, comparison: Comparison, words: Words
) -> None:
    if options.json:
        session.print_document(record.dump(as_json(comparison)))
    elif options.format in DOCUMENTS:
        session.print_document(DOCUMENTS[options.format](words).encode())


def _exit_code(session: Session, options: CompareOptions, comparison: Comparison) -> ExitCode:
    """Wrong numbers outweigh slow ones, and these what is missing; a line on stderr for each."""
    wrong = [refusal for refusal in comparison.refusals if refusal.wrong]
    if wrong:
        named = some(f"{refusal.name} {refusal.reason}" for refusal in wrong)
        session.error(f"wrong numbers: {named}: run `workload verify` on that machine")
        return ExitCode.WRONG_NUMBERS
    worst = comparison.worst_disagreement
    if worst is not None and not worst.ok:
        session.error(
            f"{worst.name}: the losses of A and B disagree beyond rounding: "
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
            f"B has no usable time of what A measured: {some(comparison.lost)}: not judged, "
            "see the table"
        )
    slower = comparison.slower_by(allowed)
    if not slower:
        return ExitCode.UNFIT if comparison.lost else ExitCode.OK
    named = some(
        f"{speed.name} at {times_words(speed.speedup)} times A's speed "
        f"(95 % {span_words(speed.interval)})"
        for speed in sorted(slower, key=lambda speed: speed.speedup)
    )
    session.error(f"B is slower than A by over {100 * allowed:.3g} %: {named}")
    return ExitCode.TOO_SLOW
