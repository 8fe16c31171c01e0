"""The verdict on each device, and one sentence about all devices."""

from collections.abc import Sequence
from dataclasses import dataclass

from workload.compare.agreement import Disagreement
from workload.compare.run import HOST, PYTEST_BENCHMARK
from workload.core.case_titles import full_title
from workload.core.errors import ExitCode
from workload.core.models.case import CaseStatus, Kind
from workload.core.statistics import median
from workload.core.units import format_rate, format_seconds, plural
from workload.report.page.figures import look_of
from workload.report.page.subjects import Speedup, Subject, short, title_of
from workload.report.terminal.case_table import best_rates

GOOD, WARNING, BAD = "good", "warning", "bad"
MAX_PROBLEMS, MAX_TRAININGS = 6, 4
MAX_REASON = 240  # characters
# The statuses of cases that make a run fail, and the CSS class and the word of the verdict.
_FAILED = {
    CaseStatus.WRONG: (BAD, "WRONG NUMBERS"),
    CaseStatus.INVALID: (BAD, "INVALID"),
    CaseStatus.DOES_NOT_FIT: (BAD, "UNFIT"),
}
_CODES = {
    ExitCode.OK: (GOOD, "PASS"),
    ExitCode.WRONG_NUMBERS: (BAD, "WRONG NUMBERS"),
    ExitCode.UNFIT: (BAD, "UNFIT"),
    ExitCode.INTERRUPTED: (WARNING, "INTERRUPTED"),
    ExitCode.TERMINATED: (WARNING, "INTERRUPTED"),
}


@dataclass(frozen=True)
class Card:
    """The verdict on one device: `state` is a CSS class, `word` is the text."""

    look: str
    label: str
    device: str
    state: str
    word: str
    reason: str | None
    facts: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]


def card(subject: Subject) -> Card:
    """Summarize one device."""
    state, word = judged(subject)
    return Card(
        look=look_of(subject),
        label=subject.title,
        device=short(_device(subject), 120),
        state=state,
        word=word,
        reason=short(subject.run.reason, MAX_REASON) if subject.run.reason else None,
        facts=tuple(_facts(subject)),
        problems=tuple(_problems(subject)),
    )


def _device(subject: Subject) -> str:
    """Return the device's name and, if several GPUs ran at the same time, which GPU it is."""
    part = f" ({subject.run.part})" if subject.run.part and subject.is_gpu else ""
    return f"{subject.device.name}{part}"


def judged(subject: Subject) -> tuple[str, str]:
    """Return the state and the word of the verdict.

    Only the results of `workload run` can pass. One wrong case makes the verdict a failure.
    """
    statuses = {case.status for case in subject.cases}
    failed = next((words for status, words in _FAILED.items() if status in statuses), None)
    code = subject.run.exit_code
    if code:
        return _CODES.get(ExitCode(code), (BAD, f"FAILED, exit {code}"))
    if failed:
        return failed
    if any(not check.ok for check in subject.run.verify):
        return _CODES[ExitCode.WRONG_NUMBERS]
    if subject.run.kind not in ("run", HOST):
        kind = (
            "benchmarks" if subject.run.kind == PYTEST_BENCHMARK else f"workload {subject.run.kind}"
        )
        return WARNING, f"NO VERDICT: only {kind} ran here"
    return _CODES[ExitCode.OK]


def _facts(subject: Subject) -> list[tuple[str, str]]:
    facts = []
    if subject.run.verify:
        right = sum(check.ok for check in subject.run.verify)
        facts.append(("agree with float64", f"{right} of {len(subject.run.verify)} comparisons"))
    timed = [case for case in subject.cases if case.status is CaseStatus.OK]
    if subject.cases:
        warned = sum(bool(case.timing and case.timing.warning) for case in timed)
        warnings = f", {plural(warned, 'warning')}" if warned else ""
        facts.append(("timed", f"{len(timed)} of {len(subject.cases)} cases{warnings}"))
    facts += [
        (dtype, f"{format_rate(rate)} GFLOP/s") for dtype, rate in best_rates(subject.cases).items()
    ]
    steps = [case for case in timed if case.kind is Kind.TRAIN][:MAX_TRAININGS]
    facts += [
        (title_of(case), f"{format_seconds(case.median_sec)} per step")
        for case in steps
        if case.median_sec is not None
    ]
    return facts


def _problems(subject: Subject) -> list[str]:
    """Return the first few cases and comparisons that failed."""
    found = [
        f"{full_title(case)}: {case.status.words}, {case.reason}"
        for case in subject.cases
        if case.status in _FAILED
    ]
    found += [f"{check.name} {check.dtype}: wrong" for check in subject.run.verify if not check.ok]
    more = [f"and {len(found) - MAX_PROBLEMS} more"] if len(found) > MAX_PROBLEMS else []
    return [short(line, MAX_REASON) for line in found[:MAX_PROBLEMS]] + more


def headline(cards: Sequence[Card], found: Sequence[Disagreement] = ()) -> tuple[str, str]:
    """Return the state and a headline for all devices.

    `found` compares the losses of two devices.
    """
    if not cards:
        return WARNING, "These records have no device"
    bad, warned = (
        ", ".join(one.label for one in cards if one.state == state) for state in (BAD, WARNING)
    )
    if bad:
        return BAD, f"Something is wrong on the {bad}"
    if any(not one.ok for one in found):
        return BAD, "The losses of both devices disagree"
    if warned:
        return WARNING, f"No verdict on the {warned}"
    names = {1: "This device computes", 2: "Both devices compute"}.get(
        len(cards), "All devices compute"
    )
    return GOOD, f"{names} the right numbers"


def speed_sentence(found: Sequence[Speedup]) -> str | None:
    """Return a sentence with the range of the speed-ups; None without speed-ups."""
    if not found:
        return None
    factors = sorted(one.times for one in found)
    if len(factors) == 1:
        return f"The GPU is {factors[0]:.3g} times as fast as the CPU in {found[0].title}."
    return (
        f"The GPU is {factors[0]:.3g} to {factors[-1]:.3g} times as fast as the CPU in "
        f"{len(factors)} cases that both ran; the median is {median(factors) or 0.0:.3g} times."
    )


def agreement_sentence(found: Sequence[Disagreement]) -> str | None:
    """Return a sentence on whether the losses of CPU and GPU agree.

    Return None if no training ran on both.
    """
    worst = max(found, key=lambda one: one.share, default=None)
    if worst is None:
        return None
    error = "not finite" if worst.error is None else f"{worst.error:.2g}"
    return (
        f"The losses of CPU and GPU {'agree' if worst.ok else 'DISAGREE'}: the largest relative "
        f"error is {error}; {worst.tolerance:.2g} is allowed ({short(worst.name)})."
    )


def missing(chosen: Sequence[Subject]) -> str | None:
    """Return the kind of device that has no record: "GPU", "CPU" or None."""
    kinds = {subject.is_gpu for subject in chosen}
    return "GPU" if True not in kinds else "CPU" if False not in kinds else None
