"""Every benchmark is timed as on the command line; pytest-benchmark keeps the
statistics. The device comes from --target, so test ids are the same on both.
"""

import contextlib
import os
import platform
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from support.benchmarks.log import (
    MORE_PASSES,
    SKIPS,
    BenchmarkLog,
    commit_info,
    extra_info,
    group_of,
    rate_unit,
    record_path,
)
from support.benchmarks.slowdown import Slowdown, parse_slowdown
from support.benchmarks.threads import Threads, with_threads
from support.benchmarks.turns import Turns
from support.benchmarks.virtual_clock import clock

from workload.bench.operations import Operation
from workload.bench.runner import run_case
from workload.bench.threads import with_best_threads
from workload.cli.console import laid_out
from workload.core.errors import WorkloadError
from workload.core.models.case import Case, CaseStatus
from workload.core.models.device import DeviceInfo
from workload.core.variables import effects
from workload.doctor.probes.torch_probe import probe
from workload.hardware import devices
from workload.hardware.processor import read_processor
from workload.report.terminal import case_table, summary
from workload.report.terminal.budget import Budget
from workload.report.terminal.tables import Grid

BUDGET_OPTION = "--case-budget"
LOG = pytest.StashKey[BenchmarkLog]()
COLUMNS = ["median", "iqr", "ops", "rounds"]

Measured = Callable[..., None]
Told = Callable[[Case, DeviceInfo], Case]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that the Makefile passes."""
    group = parser.getgroup("workload")
    group.addoption(
        BUDGET_OPTION, type=float, default=1.5, help="seconds for each case (default: 1.5)"
    )
    group.addoption(
        "--store", type=Path, help="write the JSON into a folder in this one, named by the device"
    )
    group.addoption(
        "--no-sweep",
        action="store_true",
        help="on a CPU, use as many threads as the quota allows, not the fastest count",
    )
    group.addoption(
        "--passes",
        type=int,
        default=1,
        help="run all benchmarks this many times and keep every sample: what disturbs a machine "
        "for seconds disturbs one pass (default: 1)",
    )
    group.addoption(
        "--turns",
        metavar="SIDE:FOLDER",
        help="measure in turn with another process: `a:FOLDER` here, `b:FOLDER` there",
    )
    group.addoption(
        "--slow",
        type=parse_slowdown,
        help="let one product do more than its work: `--slow 'matmul 1024 float32=1.2'`",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose the table's columns and, with --store, the file: before pytest-benchmark looks."""
    config.option.benchmark_columns = config.option.benchmark_columns or COLUMNS
    if config.option.store:
        target = config.option.target
        path = record_path(
            config.option.store, target, _resolved(target).name, datetime.now(tz=UTC)
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        config.option.benchmark_json = path
        config.option.benchmark_storage = str(path.parent)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run all benchmarks, then all again, so that the passes of one case are far apart in time."""
    if config.option.passes > 1 and len(items) == 1:
        # pytest tears a test down only before another one.
        raise pytest.UsageError("--passes needs two benchmarks or more: choose another -k")
    items *= config.option.passes


def _resolved(target: str) -> DeviceInfo:
    """Return the target's device; a missing GPU is an error here, never a fallback."""
    try:
        return devices.resolve({"cpu": "cpu", "gpu": "cuda"}[target])
    except WorkloadError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.fixture(scope="session")
def log(target: str, pytestconfig: pytest.Config) -> BenchmarkLog:
    """The session's cases, on the CPU with the thread count that makes it fastest."""
    device = _resolved(target)
    log = BenchmarkLog(device if pytestconfig.option.no_sweep else with_best_threads(device))
    pytestconfig.stash[LOG] = log
    return log


@pytest.fixture(scope="session")
def turns(pytestconfig: pytest.Config) -> Iterator[Turns | None]:
    """Return the turns that this process takes with another, if any."""
    if not pytestconfig.option.turns:
        yield None
        return
    side, _, folder = pytestconfig.option.turns.partition(":")
    taking = Turns(Path(folder), side)
    yield taking
    taking.finish()


@pytest.fixture
def measured(
    log: BenchmarkLog,
    turns: Turns | None,
    benchmark: BenchmarkFixture,
    request: pytest.FixtureRequest,
) -> Measured:
    """Time an operation, require a correct result, and give its samples to pytest-benchmark."""
    options = request.config.option

    def run(
        operation: Operation, told: Told = lambda case, _device: case, threads: Threads = None
    ) -> None:
        """`told` makes the case that is kept from the one that was measured."""
        slower = options.slow.applied(operation) if options.slow else operation
        turn = turns.taken() if turns else contextlib.nullcontext()
        with turn, with_threads(log.device, threads) as device:
            case = told(run_case(slower, device, options.case_budget), device)
        assert case.status in (CaseStatus.OK, *SKIPS), f"{case.name} {case.status}: {case.reason}"
        passes, case = log.add(request.node.nodeid, case)
        if passes < options.passes:
            pytest.skip(MORE_PASSES)
        if case.timing is None:
            pytest.skip(SKIPS[case.status])
        benchmark.group = group_of(case)
        benchmark.extra_info.update(extra_info(case, log.device))
        clock.play(case.timing.samples_sec, benchmark)

    return run


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    """Fail if the case to be slowed down did not run."""
    slow: Slowdown | None = session.config.option.slow
    log = session.config.stash.get(LOG, None)
    if slow and not (log and any(case.name == slow.name for case in log.cases.values())):
        session.exitstatus = pytest.ExitCode.USAGE_ERROR
        print(f"\n--slow: no case named {slow.name!r} ran")  # noqa: T201  words of a test session
    yield


def pytest_benchmark_scale_unit(
    unit: str, benchmarks: list[dict[str, Any]]
) -> tuple[str, float] | None:
    """Operations are FLOPs, in GFLOP/s, where a group has one number of them."""
    return rate_unit(benchmarks) if unit == "operations" else None


def pytest_benchmark_generate_commit_info() -> dict[str, Any] | None:
    """Return the commit that the image was built from."""
    return commit_info(os.environ)


def pytest_benchmark_generate_machine_info() -> dict[str, Any]:
    """Describe the machine without its name. py-cpuinfo would take a second."""
    processor = read_processor()
    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "release": platform.release(),
        "python_implementation": platform.python_implementation(),
        "python_version": platform.python_version(),
        "cpu": {
            "vendor": processor.vendor,
            "model_name": processor.brand,
            "physical_cores": processor.cores,
            "logical_cpus": os.cpu_count(),
            "clock_mhz": processor.clock_mhz,
            "flags": sorted(processor.flags),
        },
    }


def pytest_benchmark_update_machine_info(
    config: pytest.Config, machine_info: dict[str, Any]
) -> None:
    """The device, what was run on it, and the version of both."""
    log = config.stash.get(LOG, None)
    if log:
        facts, _ = probe("cpu")
        machine_info["workload"] = log.machine_info(os.environ, facts, platform.python_version())


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """The ratings, now that all cases are known."""
    log = config.stash.get(LOG, None)
    if log:
        log.complete(output_json)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show every case with its ratings, below pytest-benchmark's table, which has none."""
    log = config.stash.get(LOG, None)
    if not log or config.option.benchmark_quiet:
        return
    cases = list(log.rated().values())
    budget = Budget(config.option.case_budget, BUDGET_OPTION)
    found = effects(log.variables(os.environ), log.device.kind)
    parts: tuple[str | Grid, ...] = (
        summary.device_line(log.device),
        *([summary.variables_line(found)] if found else []),
        case_table.cases_table(cases),
        "",
        *case_table.legend_lines(cases, log.ceilings),
        *case_table.warning_lines(cases, budget),
        *case_table.not_run_lines(cases, budget),
    )
    for part in parts:
        terminalreporter.write_line(laid_out(part, None))
