"""Lines about several ranks for a terminal: start, errors and verdict."""

from collections.abc import Sequence

from workload.core.case_titles import full_title
from workload.core.errors import ExitCode
from workload.core.models import rank as end
from workload.core.models.action import Advice
from workload.core.models.rank import Rank
from workload.core.rank_speeds import Slowness, slowest
from workload.core.units import plural, printable, ranges, some
from workload.report.terminal.rank_table import compared_matmuls, warned_cases
from workload.report.terminal.summary import VERDICTS, action_lines, action_words, verdict_word
from workload.report.terminal.tables import labelled


def start_line(count: int, on_gpus: bool) -> str:
    """Return the line that is printed before the ranks start."""
    what = "GPUs, a process for each" if on_gpus else "ranks, each with its share of the CPUs"
    return labelled("ranks", f"{count} {what}, all at the same time")


def notes(ranks: Sequence[Rank]) -> list[str]:
    """Return lines that explain the columns, and a line that names the slowest rank."""
    behind = slowest(ranks)
    lines = [
        labelled(
            "rates", f"GFLOP/s of {_compared(ranks)}; step: a training step of the wide network"
        ),
        *_warned(ranks),
    ]
    if any(rank.deep for rank in ranks):
        lines = [labelled("rates", "GFLOP/s of matmuls at the end of the stress test")]
    lines.append(labelled("spread", "maximum minus minimum of a column, as a share of its median"))
    if behind:
        lines.append(labelled("slowest", _behind(behind)))
    return lines


def _warned(ranks: Sequence[Rank]) -> list[str]:
    """Return a line that names each case whose time has a warning, and the ranks that ran it."""
    found: dict[str, list[Rank]] = {}
    for rank in ranks:
        for case in warned_cases(rank):
            found.setdefault(full_title(case), []).append(rank)
    if not found:
        return []
    names = some(f"{title} ({_together(where)})" for title, where in found.items())
    return [labelled("warned", f"noisy, unsteady or contended: {printable(names)}")]


def _behind(behind: Slowness) -> str:
    """Return how slow the slowest rank is, compared with the others, in one kind of case."""
    usual = "" if behind.counts else ", within the usual range"
    times = f"{behind.factor:.2f} times as long as the others' median for {behind.kind}"
    return f"{behind.rank.title}: {times}{usual}"


def _compared(ranks: Sequence[Rank]) -> str:
    """Name the compared matmuls: `matmul 4096 (float32, tf32), matmul 8192 (bfloat16)`."""
    shapes: dict[str, list[str]] = {}
    for dtype, name in compared_matmuls(ranks).items():
        shapes.setdefault(name.removesuffix(f" {dtype}"), []).append(dtype)
    words = [f"{shape} ({', '.join(dtypes)})" for shape, dtypes in shapes.items()]
    return ", ".join(words) or "no matmul"


def error_lines(ranks: Sequence[Rank]) -> list[str]:
    """Return a line for each distinct error, and for each rank that did not end by itself."""
    said: dict[str, list[Rank]] = {}
    for rank in ranks:
        for line in rank.errors:
            said.setdefault(line, []).append(rank)
    lines = [f"{_together(those)}: {line}" for line, those in said.items()]
    return [*lines, *(_end_line(rank) for rank in ranks if rank.exit_code is None)]


def _end_line(rank: Rank) -> str:
    at = f" in {rank.doing}" if rank.doing else ""
    fix = {
        end.DIED: "see the kernel's log; the others continued",
        end.HUNG: "it was killed; the others continued",
        end.LOST: "it was left out; restart the host",
    }.get(rank.ended, "its results so far are kept")
    return f"{rank.title} {rank.ended}{at}: {rank.reason}; {fix}"


def verdict_lines(code: ExitCode, ranks: Sequence[Rank], advice: Advice) -> list[str]:
    """Return a line for each GPU with a fault, and the verdict on all ranks."""
    names = dict.fromkeys(
        printable(rank.device.name if rank.device else rank.gpu_name or "unknown")
        for rank in ranks
        if rank.device or rank.gpu_name
    )
    word = verdict_word(VERDICTS.get(code, f"FAILED, exit {code}"), advice)
    bad = [rank for rank in ranks if rank.code]
    which = f"{_together(bad)} of {len(ranks)}" if bad else plural(len(ranks), _noun(ranks))
    return [
        *action_lines(advice),
        f"{word}  {which} {', '.join(names)}; {action_words(advice)}",
    ]


def _noun(ranks: Sequence[Rank]) -> str:
    return "rank" if ranks[0].gpu_index is None else "GPU"


def _together(ranks: Sequence[Rank]) -> str:
    """Name several ranks: `GPU 0-5,7`."""
    numbers = (rank.rank if rank.gpu_index is None else rank.gpu_index for rank in ranks)
    return f"{_noun(ranks)} {ranges(numbers)}"
