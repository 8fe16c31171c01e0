"""`workload run`: the main job, from the doctor to a verdict, within a time budget."""

import time

from workload import devices, render
from workload.commands import doctor, matmul, verify
from workload.commands.train import require_finite
from workload.compare import pair_trainings, speeds_of_cases, speeds_of_trainings
from workload.doctor import exit_code
from workload.errors import ExitCode, WrongNumbersError
from workload.matmul import Shape, default_dtypes, needed_bytes, run_cases
from workload.progress import progress
from workload.results import DeviceInfo, MatmulCase, TrainResult
from workload.session import Session
from workload.train import train
from workload.train_spec import PRESETS

TRAIN_PRESETS = ("book", "wide")
SIZES = {"cpu": (512, 1024, 2048, 4096), "cuda": (1024, 2048, 4096, 8192)}
# What a GPU and the CPU beside it both do well enough to be compared.
COMMON_SHAPES = (Shape(1024, 1024, 1024), Shape(2048, 2048, 2048))
COMMON_DTYPES = ("float32", "bfloat16")
# Whatever the other parts took, products get at least this share of the budget.
MATMUL_SHARE = 0.25
HOST_CPU_SHARE = 0.25


def command(session: Session) -> ExitCode:
    """Doctor, verify, train and matmul on one device; the verdict is the worst of them."""
    arguments = session.arguments
    deadline = time.monotonic() + arguments.budget
    device = devices.resolve(arguments.device)
    session.draft.set("device", device)
    session.say(render.device_line(device))
    codes = [_doctor(session), _verify(session, device)]
    trained, train_code = _train(session, device)
    codes.append(train_code)
    left_sec = max(deadline - time.monotonic(), MATMUL_SHARE * arguments.budget)
    host_cpu_sec = HOST_CPU_SHARE * left_sec if device.kind == "cuda" else 0.0
    cases, matmul_code = _matmul(session, device, left_sec - host_cpu_sec)
    codes.append(matmul_code)
    if device.kind == "cuda":
        _compare_with_host_cpu(session, trained, cases, host_cpu_sec)
    code = worst(codes)
    session.say("", render.verdict_line(code, device, cases, trained))
    return code


def worst(codes: list[ExitCode]) -> ExitCode:
    """Wrong numbers before an unfit environment before fine."""
    for code in (ExitCode.WRONG_NUMBERS, ExitCode.UNFIT):
        if code in codes:
            return code
    return ExitCode.OK


def _doctor(session: Session) -> ExitCode:
    _, findings = doctor.examine_and_record(session)
    session.say(render.findings_line(findings), *render.findings_notes(findings))
    doctor.complain(session, findings)
    return exit_code(findings)


def _verify(session: Session, device: DeviceInfo) -> ExitCode:
    checks = verify.verify_and_record(session, device)
    session.say(render.checks_line(checks))
    return verify.judge(session, checks)


def _train(session: Session, device: DeviceInfo) -> tuple[list[TrainResult], ExitCode]:
    results: list[TrainResult] = []
    code = ExitCode.OK
    for preset in TRAIN_PRESETS:
        results.append(_train_preset(preset, device))
        session.draft.set("train", results)
        session.say(render.train_line(results[-1]))
        try:
            require_finite(results[-1], PRESETS[preset])
        except WrongNumbersError as error:
            session.complain(str(error))
            code = ExitCode.WRONG_NUMBERS
    return results, code


def _train_preset(preset: str, device: DeviceInfo) -> TrainResult:
    spec = PRESETS[preset]
    with progress(f"train {preset}", spec.steps) as advance:
        return train(
            spec,
            device,
            preset=preset,
            on_progress=lambda result: advance(len(result.losses), ""),
        )


def _matmul(
    session: Session, device: DeviceInfo, budget_sec: float
) -> tuple[list[MatmulCase], ExitCode]:
    arguments = session.arguments
    dtypes = arguments.dtypes or default_dtypes(device)
    shapes = [Shape(*size) for size in arguments.sizes or []] or _fitting_shapes(device)
    cases = matmul.run_and_record(session, shapes, dtypes, device, budget_sec)
    session.say("", render.matmul_table(cases))
    return cases, matmul.judge(session, cases)


def _fitting_shapes(device: DeviceInfo) -> list[Shape]:
    """The default sizes that fit the memory in every dtype, at least the smallest.

    Nobody asked for these sizes, so a small container is not unfit for lacking room.
    """
    shapes = [Shape(size, size, size) for size in SIZES[device.kind]]
    available = devices.available_bytes(device)
    fitting = [
        shape
        for shape in shapes
        if available is None or needed_bytes(shape, "float64", device) <= available
    ]
    return fitting or shapes[:1]


def _compare_with_host_cpu(
    session: Session, trained: list[TrainResult], cases: list[MatmulCase], budget_sec: float
) -> None:
    """The same few jobs on the CPU beside the GPU, and how much faster the GPU was."""
    cpu = devices.resolve("cpu")
    cpu_trained = [_train_preset(preset, cpu) for preset in TRAIN_PRESETS]
    cpu_cases = list(run_cases(COMMON_SHAPES, COMMON_DTYPES, cpu, budget_sec))
    host_cpu = {"device": cpu, "train": cpu_trained, "matmul": cpu_cases}
    session.draft.set("host_cpu", host_cpu)
    speeds = speeds_of_cases(cpu_cases, cases)
    speeds += speeds_of_trainings(pair_trainings(cpu_trained, trained))
    session.say("", render.speeds_table(speeds, "A: this host's CPU", "B: this GPU"))
