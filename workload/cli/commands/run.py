"""`workload run`: run all checks and benchmarks in about the budgeted time, with one verdict."""

import time
from collections.abc import Sequence

from workload.bench.operations import Operation
from workload.bench.operations.convolution import default_convolutions
from workload.bench.operations.matmul import MatMul, squares
from workload.bench.runner import run_cases
from workload.bench.threads import probes_of, with_best_threads
from workload.cli.options import RunOptions
from workload.cli.session import Session
from workload.cli.steps import measure
from workload.cli.steps.all_devices import of_one, run_ranks, slots_of
from workload.cli.steps.device import announce
from workload.cli.steps.doctor import examine_and_record, report_first_failure
from workload.cli.steps.measure import requested_matmuls
from workload.cli.steps.train import exit_code_of_trainings, train_presets
from workload.cli.steps.verify import exit_code_of_checks, verify_and_record
from workload.compare import pair
from workload.compare.loader import side_of_process
from workload.core import roofline
from workload.core.errors import ExitCode, worst_code
from workload.core.models.case import Case
from workload.core.models.device import DeviceInfo
from workload.core.models.record import HostCpu
from workload.core.models.train import TrainResult
from workload.core.train_case import step_case
from workload.doctor import exit_code
from workload.hardware import devices
from workload.report.terminal import case_table, comparison_table, rank_table, summary
from workload.report.terminal import findings as findings_text
from workload.report.terminal.budget import Budget, Shared

TRAIN_PRESETS = ("book", "wide")
# Cases that both a GPU and its host's CPU run fast enough to be compared.
COMMON = [MatMul(size, dtype) for size in squares(1024, 2048) for dtype in ("float32", "bfloat16")]
# Matmuls get at least this share of the budget and this many seconds, however long the other parts
# took. That is enough for the smallest matmuls on a slow machine.
MATMUL_SHARE = 0.25
MIN_MATMUL_SEC = 4.0
HOST_CPU_SHARE = 0.25  # on a GPU: share of the matmuls' time for the host's CPU


def command(session: Session, options: RunOptions) -> ExitCode:
    """Run doctor, verify, train and matmul on one device; the worst result is the verdict.

    With several devices, run this command in one process per device.
    """
    slots = slots_of(options)
    if slots:
        return run_ranks(session, options, slots, rank_table.measured_table)
    options = of_one(options)
    session.watch_driver()
    return _measure_and_judge(session, options)


def _measure_and_judge(session: Session, options: RunOptions) -> ExitCode:
    deadline = time.monotonic() + options.budget
    device = devices.resolve(options.device)
    session.builder.set("device", device)
    codes = [_doctor(session, options.device)]
    deadline += session.wait_for_others()
    matmuls = requested_matmuls(options, device)
    device = with_best_threads(device, probes_of(matmuls))
    announce(session, device)
    codes.append(_verify(session, device))
    trained = train_presets(TRAIN_PRESETS, device, lambda done: session.builder.set("train", done))
    session.info(*(summary.train_line(result, device) for result in trained))
    codes.append(exit_code_of_trainings(session, trained))
    before_sec = options.budget - (deadline - time.monotonic())
    left_sec = max(options.budget - before_sec, MATMUL_SHARE * options.budget, MIN_MATMUL_SEC)
    beside = device.kind == "cuda" and session.member is None  # several ranks share the host's CPUs
    host_cpu_sec = HOST_CPU_SHARE * left_sec if beside else 0.0
    operations: list[Operation] = [*matmuls, *default_convolutions(device)]
    counts = {"matmul": len(matmuls), "convolution": len(operations) - len(matmuls)}
    session.info(summary.stage_line(counts, left_sec))
    cases, ceilings = measure.measure_and_record(
        session, device, operations, left_sec - host_cpu_sec
    )
    steps = [step_case(result, device) for result in trained]
    steps = roofline.rated(steps, ceilings)
    shown = [*cases, *steps]
    measured_sec = left_sec - host_cpu_sec
    shared = Shared(
        measured_sec, len(operations), before_sec, measure.CASES_SHARE * measured_sec / left_sec
    )
    budget = Budget(options.budget, shared=shared)
    measure.show(session, device, shown, ceilings, budget)
    codes.append(measure.exit_code_of_cases(session, cases, budget))
    if beside:
        codes.append(_compare_with_host_cpu(session, device, trained, cases, host_cpu_sec))
    code = worst_code(codes)
    advice = session.advise(code)
    busy = case_table.busy_lines(device, shown)
    session.info("", *busy, *summary.verdict_lines(code, device, shown, trained, advice))
    return code


def _doctor(session: Session, device: str) -> ExitCode:
    _, findings = examine_and_record(session, device)
    session.info(findings_text.verdict_line(findings), *findings_text.trouble_lines(findings))
    report_first_failure(session, findings)
    return exit_code(findings)


def _verify(session: Session, device: DeviceInfo) -> ExitCode:
    checks = verify_and_record(session, device)
    session.info(summary.checks_line(checks))
    return exit_code_of_checks(session, checks)


def _compare_with_host_cpu(
    session: Session,
    device: DeviceInfo,
    trained: Sequence[TrainResult],
    cases: Sequence[Case],
    budget_sec: float,
) -> ExitCode:
    """Run a few of the same cases on the host's CPU, and show how much faster the GPU is."""
    cpu = with_best_threads(devices.resolve("cpu"), probes_of(COMMON))
    cpu_trained = train_presets(TRAIN_PRESETS, cpu, lambda _done: None)
    cpu_cases = list(run_cases(COMMON, cpu, budget_sec))
    session.builder.set("host_cpu", HostCpu(cpu, tuple(cpu_trained), tuple(cpu_cases)))
    baseline = side_of_process("this host's CPU", cpu, cpu_cases, cpu_trained)
    candidate = side_of_process("this GPU", device, cases, trained)
    session.info("", "baseline: this host's CPU; candidate: this GPU")
    session.info(comparison_table.speeds_table(pair(baseline, candidate).speeds))
    codes = (
        exit_code_of_trainings(session, cpu_trained),
        measure.exit_code_of_cases(session, cpu_cases),
    )
    return worst_code(codes)
