"""`workload compare`: two sides, case by case, and a gate against regressions."""

from workload.cli.session import Session
from workload.compare import Comparison, compare, some
from workload.compare.loader import load_side
from workload.core import record
from workload.core.errors import ExitCode
from workload.core.results import as_json
from workload.report.terminal import comparison_table
from workload.report.terminal.comparison_table import Words, span_words, times_words

DOCUMENTS = {"markdown": comparison_table.markdown, "html": comparison_table.html}


def command(session: Session) -> ExitCode:
    """Speeds of A and B with their verdicts; WRONG_NUMBERS, TOO_SLOW or OK."""
    a, b = load_side(session.arguments.a), load_side(session.arguments.b)
    for problem in (*a.problems, *b.problems):
        session.error(f"left out: {problem}")
    comparison = compare(a, b)
    words = comparison_table.words_of(comparison)
    before, after = map(comparison_table.lines, (words.before, words.after))
    session.info(*before, "", comparison_table.speeds_table(comparison.speeds), "", *after)
    _print_document(session, comparison, words)
    return _judge(session, comparison)


def _print_document(session: Session, comparison: Comparison, words: Words) -> None:
    if session.arguments.json:
        session.print_document(record.dump(as_json(comparison)))
    elif session.arguments.format in DOCUMENTS:
        session.print_document(DOCUMENTS[session.arguments.format](words).encode())


def _judge(session: Session, comparison: Comparison) -> ExitCode:
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
    return _judge_speed(session, comparison)


def _judge_speed(session: Session, comparison: Comparison) -> ExitCode:
    allowed = session.arguments.fail_if_slower
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
