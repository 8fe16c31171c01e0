"""Lines and tables for a terminal: devices, checks, training runs."""

from collections.abc import Iterable, Mapping, Sequence

from workload.core.errors import ExitCode
from workload.core.models.action import Action, Advice
from workload.core.models.case import Case
from workload.core.models.device import DeviceInfo
from workload.core.models.rating import Rating
from workload.core.models.train import TrainResult
from workload.core.models.verify import RELATIVE, VerifyResult
from workload.core.units import (
    format_rate,
    format_seconds,
    plural,
    printable,
    some,
)
from workload.report.terminal.case_table import best_rates, percent, used
from workload.report.terminal.tables import Grid, labelled

VERDICTS = {
    ExitCode.OK: "PASS",
    ExitCode.WRONG_NUMBERS: "WRONG NUMBERS",
    ExitCode.UNFIT: "UNFIT",
}


def device_line(device: DeviceInfo) -> str:
    """Return which device is used, and why."""
    return labelled("device", f"{device_words(device)}, {device.reason}")


def device_lines(device: DeviceInfo) -> list[str]:
    """Return the device, a warning if its CPU is emulated, and how OpenMP bound threads to CPUs."""
    lines = [device_line(device)]
    if device.emulated_on:
        words = f"{architecture_words(device)}: results are compared, no speed is reported"
        lines.append(labelled("warning", words))
    if device.binding:
        lines.append(labelled("binding", printable(device.binding)))
    return lines


def architecture_words(device: DeviceInfo) -> str | None:
    """Return the CPU architecture and, if it is emulated, on which CPU; None if unknown."""
    if device.emulated_on:
        return f"{device.architecture} emulated on {device.emulated_on}"
    return device.architecture


def device_words(device: DeviceInfo) -> str:
    """Return the device's name, and its threads or compute capability."""
    threads = plural(device.threads, "thread")
    if len(device.swept_threads) > 1:
        *others, last = map(str, device.swept_threads)
        beside = " while other programs ran" if device.swept_contended else ""
        threads += f" (fastest of {', '.join(others)} and {last}{beside})"
    detail = threads if device.kind == "cpu" else f"compute capability {device.capability}"
    return f"{device.torch_name}: {printable(device.name)}, {detail}"


def stage_line(counts: Mapping[str, int], seconds: float) -> str:
    """Return a line with what is measured next and the time limit.

    The keys of `counts` are singular nouns such as "matmul"; the values say how many are measured.
    """
    words = " and ".join(plural(count, noun) for noun, count in counts.items() if count)
    return labelled("measure", f"{words} within {format_seconds(seconds)}")


def variables_line(found: str) -> str:
    """Return a warning about environment variables; `found` says what they change."""
    return labelled(
        "warning", f"environment: {found}; unset the variables that you did not set on purpose"
    )


def checks_table(checks: Iterable[VerifyResult]) -> Grid:
    """Return a table with a row for each comparison with float64."""
    headers = ("verify", "dtype", "worst error", "tolerance", "verdict", "unit of error")
    rows = tuple(
        (
            check.name,
            check.dtype,
            _error(check),
            f"{check.tolerance:.2e}",
            "ok" if check.ok else "WRONG",
            check.metric,
        )
        for check in checks
    )
    return Grid(headers, rows, numbers=headers[2:4], optional=headers[5:])


def checks_lines(checks: Sequence[VerifyResult]) -> list[str]:
    """Return a line for each dtype, and one for each comparison that failed."""
    dtypes = dict.fromkeys(check.dtype for check in checks)
    return [
        *(_dtype_line(dtype, [one for one in checks if one.dtype == dtype]) for dtype in dtypes),
        *(_wrong_line(check) for check in checks if not check.ok),
    ]


def checks_verdict(code: ExitCode, device: DeviceInfo, checks: Sequence[VerifyResult]) -> str:
    """Return the verdict on all comparisons."""
    right = sum(check.ok for check in checks)
    return (
        f"{VERDICTS[code]}  {device.torch_name} {printable(device.name)}; "
        f"{right} of {len(checks)} comparisons agree with float64"
    )


def _dtype_line(dtype: str, checks: Sequence[VerifyResult]) -> str:
    """Return a line with the number of checks that agree and the largest error of a sum.

    The error is shown as a share of its tolerance. The operations + - * / are left out, because
    both their error and their tolerance are the rounding of the result.
    """
    right = sum(check.ok for check in checks)
    text = f"{dtype}: {right} of {len(checks)} agree with float64"
    sums = [(_share(check), check.name) for check in checks if check.metric != RELATIVE]
    if right == len(checks) and sums:
        share, name = max(sums)
        text += f"; the largest error of a sum is {used(share)} of its tolerance ({name})"
    return labelled("verify", text)


def _share(check: VerifyResult) -> float:
    """Return the share of the tolerance that the error uses; 0 if the error is 0 or unknown."""
    return check.worst_error / check.tolerance if check.worst_error else 0.0


def _error(check: VerifyResult) -> str:
    return "not finite" if check.worst_error is None else f"{check.worst_error:.2e}"


def _wrong_line(check: VerifyResult) -> str:
    return labelled(
        "WRONG",
        f"{check.name} {check.dtype}: {_error(check)}, allowed {check.tolerance:.2e} "
        f"({check.metric})",
    )


def checks_line(checks: Sequence[VerifyResult]) -> str:
    """Return how many comparisons agree, or which do not."""
    wrong = [check for check in checks if not check.ok]
    if wrong:
        names = some(f"{check.name} {check.dtype}" for check in wrong)
        return labelled("verify", f"{len(wrong)} of {len(checks)} comparisons WRONG: {names}")
    dtypes = ", ".join(dict.fromkeys(check.dtype for check in checks))
    return labelled("verify", f"{len(checks)} comparisons with float64 agree ({dtypes})")


def train_line(result: TrainResult, device: DeviceInfo, rating: Rating | None = None) -> str:
    """Return the time and the loss of a training run, and its mode unless that is eager.

    On an emulated CPU, the time is left out.
    """
    name = result.preset or "custom"
    mode = "" if result.mode == "eager" else f" {result.mode}"
    if result.ranks > 1:
        mode += f" on {result.ranks} ranks"
    step = result.median_step_sec
    speed = f"{format_seconds(step)} per step" if step is not None else "already finished"
    if rating and rating.regime and rating.ceiling_share is not None:
        # The share is above 1 if the data was in the caches or a single matmul set the ceiling.
        share = "above" if rating.ceiling_share > 1 else f"{percent(rating.ceiling_share)} of"
        speed += f" ({rating.regime}, {share} the measured ceiling)"
    if result.threads and step is not None:
        speed = speed.replace(" per step", f" per step on {plural(result.threads, 'thread')}", 1)
    steps = plural(len(result.losses), "step")
    parts = [steps, "emulated" if device.emulated_on else speed, _loss(result)]
    return labelled("train", f"{name} {result.dtype}{mode}: {', '.join(parts)}")


def _loss(result: TrainResult) -> str:
    """Return the last loss and, if its rounding error exceeds 1 %, the loss in float64."""
    if result.final_loss is None:
        return "no loss"
    words = rounding_words(result)
    return f"loss {result.final_loss:.4g}{f' ({words})' if words else ''}"


def rounding_words(result: TrainResult) -> str | None:
    """Return from which step on the rounding error exceeds 1 %, and the last loss in float64.

    Return None if the error of the last loss is at most 1 % or unknown.
    """
    if result.float64_loss is None or result.rounding_from_step is None:
        return None
    return (
        f"rounding error above 1% from step {result.rounding_from_step} on; "
        f"{result.float64_loss:.3g} in float64"
    )


def action_words(advice: Advice) -> str:
    """Return the action for the machine and, if one is needed, the reason."""
    if advice.action is Action.NONE:
        return f"action: {advice.action}"
    return f"action: {advice.action} ({printable(advice.reason)})"


def verdict_word(word: str, advice: Advice) -> str:
    """Return the verdict: WARN instead of PASS if the machine needs an action."""
    return "WARN" if word == "PASS" and advice.action is not Action.NONE else word


def action_lines(advice: Advice) -> list[str]:
    """Return a line for each GPU with a fault, and one for each piece of evidence."""
    lines = []
    for gpu in advice.gpus:
        if gpu.action is not Action.NONE:
            name = f"GPU {gpu.index} {gpu.name or '(name unknown)'}"
            lines.append(labelled("action", printable(f"{name}: {gpu.action}, {gpu.reason}")))
            lines += [labelled("", printable(evidence)) for evidence in gpu.evidence]
    return lines


def verdict_lines(
    code: ExitCode,
    device: DeviceInfo,
    cases: Iterable[Case],
    trained: Iterable[TrainResult],
    advice: Advice,
) -> list[str]:
    """Return the best rates, the step times, the GPUs with a fault, and the verdict of a run."""
    rates = ", ".join(f"{dtype} {format_rate(rate)}" for dtype, rate in best_rates(cases).items())
    trainings = ", ".join(
        f"{result.preset} {format_seconds(result.median_step_sec)} per step"
        for result in trained
        if result.median_step_sec is not None and not device.emulated_on
    )
    return [
        labelled("best", f"matmul {rates} GFLOP/s" if rates else "matmul not measured"),
        *([labelled("train", trainings)] if trainings else []),
        *action_lines(advice),
        f"{verdict_word(VERDICTS[code], advice)}  {device.torch_name} {printable(device.name)}; "
        f"{action_words(advice)}",
    ]
