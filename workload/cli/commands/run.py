"""`workload run`: the main job, from the doctor to a verdict, about within a time budget."""

import time
from collections.abc import Callable, Sequence

from workload.bench.operations import Operation
from workload.bench.operations.convolution import default_convolutions
from workload.bench.operations.matmul import MatMul, squares
from workload.bench.runner import run_cases
from workload.bench.threads import with_best_threads
from workload.cli.commands import announce, doctor, measuring, verify
from workload.cli.commands.matmul import asked_products
from workload.cli.commands.train import require_finite
from workload.cli.progress import progress
from workload.cli.session import Session
from workload.compare import pair
from workload.compare.loader import side_of_process
from workload.core import roofline
from workload.core.cases import Case
from workload.core.errors import ExitCode, WrongNumbersError
from workload.core.results import DeviceInfo, TrainResult
from workload.core.train_case import train_case
from workload.core.train_spec import PRESETS
from workload.doctor import exit_code
from workload.hardware import devices
from workload.report.terminal import comparison_table, summary
from workload.train.loop import train

TRAIN_PRESETS = ("book", "wide")
# What a GPU and the CPU beside it both do well enough to be compared.
COMMON = [MatMul(size, dtype) for size in squares(1024, 2048) for dtype in ("float32", "bfloat16")]
# Whatever the other parts took, products get this share of the budget and this many seconds:
# enough for the smallest on a slow machine.
MATMUL_SHARE = 0.25
MIN_MATMUL_SEC = 4.0
HOST_CPU_SHARE = 0.25  # of the products' time, on a GPU


def command(session: Session) -> ExitCode:
    """Doctor, verify, train and matmul on one device; the verdict is the worst of them."""
    budget_sec = session.arguments.budget
    deadline = time.monotonic() + budget_sec
    device = with_best_threads(devices.resolve(session.arguments.device))
    announce(session, device)
    codes = [_doctor(session), _verify(session, device)]
    trained = _train(device, lambda results: session.builder.set("train", results))
    session.info(*map(summary.train_line, trained))
    codes.append(_judge_trained(session, trained))
    left_sec = max(deadline - time.monotonic(), MATMUL_SHARE * budget_sec, MIN_MATMUL_SEC)
    host_cpu_sec = HOST_CPU_SHARE * left_sec if device.kind == "cuda" else 0.0
    operations: list[Operation] = [
        *asked_products(session.arguments, device),
        *default_convolutions(device),
    ]
    cases, ceilings = measuring.measure_and_record(
        session, device, operations, left_sec - host_cpu_sec
    )
    session.info("")
    steps = roofline.rated([train_case(result, device.kind) for result in trained], ceilings)
    shown = [*cases, *steps]
    measuring.show(session, shown, ceilings)
    codes.append(measuring.judge(session, cases))
    if device.kind == "cuda":
        codes.append(_compare_with_host_cpu(session, device, trained, cases, host_cpu_sec))
    code = worst(codes)
    session.info("", summary.verdict_line(code, device, shown, trained))
    return code


def worst(codes: list[ExitCode]) -> ExitCode:
    """Wrong numbers before an unfit environment before fine."""
    for code in (ExitCode.WRONG_NUMBERS, ExitCode.UNFIT):
        if code in codes:
            return code
    return ExitCode.OK


def _doctor(session: Session) -> ExitCode:
    _, findings = doctor.examine_and_record(session)
    session.info(summary.findings_line(findings), *summary.findings_notes(findings))
    doctor.error(session, findings)
    return exit_code(findings)


def _verify(session: Session, device: DeviceInfo) -> ExitCode:
    checks = verify.verify_and_record(session, device)
    session.info(summary.checks_line(checks))
    return verify.judge(session, checks)


def _train(device: DeviceInfo, keep: Callable[[list[TrainResult]], None]) -> list[TrainResult]:
    """Both presets; `keep` gets what is known so far, an unfinished training included."""
    done: list[TrainResult] = []
    for preset in TRAIN_PRESETS:
        spec = PRESETS[preset]
        with progress(f"train {preset}", spec.steps) as advance:

            def show(result: TrainResult, advance: Callable[[float, str], None] = advance) -> None:
                keep([*done, result])
                advance(len(result.losses), "")

            done.append(train(spec, device, preset=preset, on_progress=show))
        keep(done)
    return done


def _judge_trained(session: Session, trained: Sequence[TrainResult]) -> ExitCode:
    code = ExitCode.OK
    for result in trained:
        try:
            require_finite(result, PRESETS[result.preset or "book"])
        except WrongNumbersError as error:
            session.error(str(error))
            code = error.exit_code
    return code


def _compare_with_host_cpu(
    session: Session,
    device: DeviceInfo,
    trained: Sequence[TrainResult],
    cases: Sequence[Case],
    budget_sec: float,
) -> ExitCode:
    """The same few jobs on the CPU beside the GPU, and how much faster the GPU was."""
    cpu = with_best_threads(devices.resolve("cpu"))
    cpu_trained = _train(cpu, lambda _results: None)
    cpu_cases = list(run_cases(COMMON, cpu, budget_sec))
    host_cpu = {"device": cpu, "train": cpu_trained, "cases": cpu_cases}
    session.builder.set("host_cpu", host_cpu)
    a = side_of_process("this host's CPU", cpu, cpu_cases, cpu_trained)
    b = side_of_process("this GPU", device, cases, trained)
    session.info("", "A is this host's CPU, B this GPU")
    session.info(comparison_table.speeds_table(pair(a, b).speeds))
    return worst([_judge_trained(session, cpu_trained), measuring.judge(session, cpu_cases)])
