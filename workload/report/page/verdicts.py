"""The verdict: of each device, and of all of them in one sentence. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from workload.compare.agreement import Disagreement
from workload.compare.benchmark_file import PYTEST_BENCHMARK
from workload.compare.run import HOST
from workload.core.errors import ExitCode
from workload.core.models.case import CaseStatus, Kind
from workload.core.statistics import median
from workload.core.units import format_rate, format_seconds
from workload.report.page.figures import look_of
from workload.report.page.speedups import Speedup, title_of
from workload.report.page.subjects import Subject, short
from workload.report.terminal.case_table import best_rates

GOOD, DOUBTFUL, BAD = "good", "doubtful", "bad"
MAX_TROUBLES, MAX_TRAININGS = 6, 4
MAX_REASON = 240  # characters
# Statuses of cases that spoil a run, and how the verdict calls them.
_SPOILED = {
    CaseStatus.WRONG: (BAD, "WRONG NUMBERS"),
    CaseStatus.INVALID: (BAD, "INVALID"),
    CaseStatus.DOES_NOT_FIT: (BAD, "UNFIT"),
}
_CODES = {
    ExitCode.OK: (GOOD, "PASS"),
    ExitCode.WRONG_NUMBERS: (BAD, "WRONG NUMBERS"),
    ExitCode.UNFIT: (BAD, "UNFIT"),
    ExitCode.INTERRUPTED: (DOUBTFUL, "INTERRUPTED"),
    ExitCode.TERMINATED: (DOUBTFUL, "INTERRUPTED"),
}


@dataclass(frozen=True)
class Card:
    """One device's verdict: `state` is a class of the style sheet, `word` says it in letters."""

    look: str
    label: str
    device: str
    state: str
    word: str
    reason: str | None
    facts: tuple[tuple[str, str], ...]
    troubles: tuple[str, ...]


def card(subject: Subject) -> Card:
    """What is to be said of a device before anything else."""
    state, word = judged(subject)
    return Card(
        look=look_of(subject),
        label=subject.label,
        device=short(subject.device.name, 120),
        state=state,
        word=word,
        reason=short(subject.run.reason, MAX_REASON) if subject.run.reason else None,
        facts=tuple(_facts(subject)),
        troubles=tuple(_troubles(subject)),
    )


def judged(subject: Subject) -> tuple[str, str]:
    """State and word. Only a main job's success is one; a wrong case spoils it."""
    statuses = {case.status for case in subject.cases}
    spoiled = next((words for status, words in _SPOILED.items() if status in statuses), None)
    code = subject.run.exit_code
    if code:
        return _CODES.get(ExitCode(code), (BAD, f"FAILED, exit {code}"))
    if spoiled:
        return spoiled
    if any(not check.ok for check in subject.verify):
        return _CODES[ExitCode.WRONG_NUMBERS]
    if subject.run.kind not in ("run", HOST):
        kind = (
            "benchmarks" if subject.run.kind == PYTEST_BENCHMARK else f"workload {subject.run.kind}"
        )
        return DOUBTFUL, f"NO VERDICT: only {kind} ran here"
    return _CODES[ExitCode.OK]


def _facts(subject: Subject) -> list[tuple[str, str]]:
    facts = []
    if subject.verify:
        right = sum(check.ok for check in subject.verify)
        facts.append(("agree with float64", f"{right} of {len(subject.verify)} comparisons"))
    timed = [case for case in subject.cases if case.status is CaseStatus.OK]
    if subject.cases:
        doubted = sum(bool(case.timing and case.timing.warning) for case in timed)
        doubts = f", {doubted} with a doubt" if doubted else ""
        facts.append(("timed", f"{len(timed)} of {len(subject.cases)} cases{doubts}"))
    facts += [
        (dtype, f"{format_rate(rate)} GFLOP/s") for dtype, rate in best_rates(subject.cases).items()
    ]
    steps = [case for case in timed if case.kind is Kind.TRAIN][:MAX_TRAININGS]
    facts += [
        (title_of(case), f"{format_seconds(case.median_sec)} a step")
        for case in steps
        if case.median_sec is not None
    ]
    return facts


def _troubles(subject: Subject) -> list[str]:
    """The cases and comparisons that spoil it, the first few."""
    found = [
        f"{case.name}: {case.status.value}, {case.reason}"
        for case in subject.cases
        if case.status in _SPOILED
    ]
    found += [f"{check.name} {check.dtype}: wrong" for check in subject.verify if not check.ok]
    more = [f"and {len(found) - MAX_TROUBLES} more"] if len(found) > MAX_TROUBLES else []
    return [short(line, MAX_REASON) for line in found[:MAX_TROUBLES]] + more


def headline(cards: Sequence[Card], parted: Sequence[Disagreement] = ()) -> tuple[str, str]:
    """State and sentence for all devices; `parted` are of losses compared between two."""
    if not cards:
        return DOUBTFUL, "No device is known from these records"
    if any(one.state == BAD for one in cards):
        names = ", ".join(one.label for one in cards if one.state == BAD)
        return BAD, f"Something is wrong on the {names}"
    if any(not one.ok for one in parted):
        return BAD, "The losses of both devices disagree"
    if any(one.state == DOUBTFUL for one in cards):
        names = ", ".join(one.label for one in cards if one.state == DOUBTFUL)
        return DOUBTFUL, f"No full verdict on the {names}"
    names = {1: "This device computes", 2: "Both devices compute"}.get(
        len(cards), "All devices compute"
    )
    return GOOD, f"{names} the right numbers"


def speed_sentence(found: Sequence[Speedup]) -> str | None:
    """The range of the speed-ups; None of none."""
    if not found:
        return None
    factors = sorted(one.times for one in found)
    if len(factors) == 1:
        return f"The GPU is {factors[0]:.3g} times as fast as the CPU in {found[0].title}."
    return (
        f"The GPU is {factors[0]:.3g} to {factors[-1]:.3g} times as fast as the CPU in "
        f"{len(factors)} jobs that both did; the median is {median(factors) or 0.0:.3g} times."
    )


def agreement_sentence(parted: Sequence[Disagreement]) -> str | None:
    """Whether the losses of CPU and GPU agree; None where they share no training."""
    worst = max(parted, key=lambda one: one.share, default=None)
    if worst is None:
        return None
    error = "not finite" if worst.error is None else f"{worst.error:.2g}"
    return (
        f"The losses of CPU and GPU {'agree' if worst.ok else 'DISAGREE'}: the worst relative "
        f"error is {error}, {worst.tolerance:.2g} is allowed ({short(worst.name)})."
    )


def missing(chosen: Sequence[Subject]) -> str | None:
    """The kind of device that there is no record of: "GPU", "CPU" or None."""
    kinds = {subject.is_gpu for subject in chosen}
    return "GPU" if True not in kinds else "CPU" if False not in kinds else None
