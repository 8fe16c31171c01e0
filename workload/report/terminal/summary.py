"""Results as words and tables for a terminal. Pure: nothing here prints."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.table import Table

from workload.core.cases import Case, CaseStatus, Rating
from workload.core.errors import ExitCode
from workload.core.results import Check, DeviceInfo, TrainResult
from workload.core.units import format_bytes, format_rate, format_seconds, printable
from workload.report.terminal.case_table import best_rates, percent
from workload.report.terminal.tables import new_table


def device_line(device: DeviceInfo) -> str:
    """Which device, and why."""
    return f"device  {device_words(device)} ({device.reason})"


def device_words(device: DeviceInfo) -> str:
    """Which device, and what of it is used."""
    threads = f"{device.threads} thread{'s' if device.threads > 1 else ''}"
    if len(device.swept_threads) > 1:
        threads += f", chosen of {', '.join(map(str, device.swept_threads))}"
    detail = threads if device.kind == "cpu" else f"compute capability {device.capability}"
    return f"{device.torch_name}: {printable(device.name)}, {detail}"


def facts_table(facts: dict[str, Any]) -> Table:
    """Every known fact, nested names joined by dots."""
    table = new_table("fact", "value")
    for name, value in _flat("", facts):
        table.add_row(name, printable(value))
    return table


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else str(key), item)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            yield from _flat(f"{prefix}.{index}", item)
    elif isinstance(value, list):
        yield prefix, " ".join(map(str, value)) or "none"
    elif prefix.endswith("_bytes") and isinstance(value, int):
        yield prefix, f"{value} ({format_bytes(value)})"
    elif value is not None:
        yield prefix, str(value)


def checks_table(checks: Iterable[Check]) -> Table:
    """Worst error against tolerance, one row a check."""
    table = new_table("verify", "dtype", "worst error", "tolerance", "verdict", "error is")
    for column in (2, 3):
        table.columns[column].justify = "right"
    for check in checks:
        error = "not finite" if check.worst_error is None else f"{check.worst_error:.2e}"
        verdict = "ok" if check.ok else "WRONG"
        row = (check.name, check.dtype, error, f"{check.tolerance:.2e}", verdict, check.metric)
        table.add_row(*row)
    return table


def checks_line(checks: Sequence[Check]) -> str:
    """How many comparisons passed, or which did not."""
    wrong = [check for check in checks if not check.ok]
    if wrong:
        names = ", ".join(f"{check.name} {check.dtype}" for check in wrong)
        return f"verify  {len(wrong)} of {len(checks)} comparisons with float64 are WRONG: {names}"
    dtypes = ", ".join(dict.fromkeys(check.dtype for check in checks))
    return f"verify  {len(checks)} comparisons with float64 agree ({dtypes})"


def loss_line(step: int, loss: float) -> str:
    """The chapter's own format: print("Iteration: ", t, "\\t", "Loss: ", loss)."""
    return f"Iteration:  {step} \t Loss:  {loss}"


def mode_line(name: str, reason: str) -> str:
    """Which mode trains, and why."""
    return f"mode    {name} ({reason})"


def train_line(result: TrainResult, rating: Rating | None = None) -> str:
    """Time, limits and loss of a training, and its mode where that is not the chapter's loop."""
    name = result.preset or "custom"
    mode = "" if result.mode == "eager" else f" {result.mode}"
    step = result.median_step_sec
    speed = f"{format_seconds(step)} a step" if step is not None else "already finished"
    if rating:
        speed += f" ({rating.regime}, {percent(rating.ceiling_share)} of the measured ceiling)"
    loss = "no loss" if result.final_loss is None else f"loss {result.final_loss:.4g}"
    return f"train   {name} {result.dtype}{mode}: {len(result.losses)} steps, {speed}, {loss}"


def rates_line(cases: Iterable[Case]) -> str:
    """The best rate of each dtype in one line."""
    rates = [f"{dtype} {format_rate(rate)}" for dtype, rate in best_rates(cases).items()]
    return f"GFLOP/s {', '.join(rates) or 'none measured'}"


def verdict_line(
    code: ExitCode,
    device: DeviceInfo,
    cases: Sequence[Case],
    trained: Sequence[TrainResult],
) -> str:
    """The whole run in one line: verdict, device, rates, step times and losses."""
    verdicts = {
        ExitCode.OK: "PASS",
        ExitCode.WRONG_NUMBERS: "WRONG NUMBERS",
        ExitCode.UNFIT: "UNFIT",
    }
    trainings = ", ".join(
        f"{result.preset} {format_seconds(result.median_step_sec)} a step to loss "
        f"{result.final_loss:.3g}"
        for result in trained
        if result.final_loss is not None and result.median_step_sec is not None
    )
    name = f"{device.torch_name} {printable(device.name)}"
    missing = sum(case.status is CaseStatus.SKIPPED for case in cases)
    left_out = f"; {missing} of {len(cases)} cases not run: raise --budget" if missing else ""
    doubted = sum(bool(case.timing and case.timing.warning) for case in cases)
    doubt = f"; {doubted} times are in doubt" if doubted else ""
    return f"{verdicts[code]}  {name}: {rates_line(cases)}; {trainings}{left_out}{doubt}"
