"""`workload matmul`: GFLOP/s of matrix products."""

from collections.abc import Sequence

from workload import devices, render
from workload.errors import ExitCode
from workload.matmul import DEFAULT_SIZES, Shape, default_dtypes, no_case_ran, run_cases
from workload.progress import progress
from workload.results import CaseStatus, DeviceInfo, MatmulCase
from workload.session import Session


def command(session: Session) -> ExitCode:
    """Run every case, print the table, and complain of each that is wrong or refused."""
    arguments = session.arguments
    device = devices.resolve(arguments.device)
    session.draft.set("device", device)
    session.say(render.device_line(device))
    sizes = arguments.sizes or [(size,) * 3 for size in DEFAULT_SIZES[device.kind]]
    shapes = [Shape(*size) for size in sizes]
    dtypes = arguments.dtypes or default_dtypes(device)
    cases = run_and_record(session, shapes, dtypes, device, arguments.budget)
    session.say(render.matmul_table(cases))
    return judge(session, cases)


def run_and_record(
    session: Session,
    shapes: Sequence[Shape],
    dtypes: Sequence[str],
    device: DeviceInfo,
    budget_sec: float,
) -> list[MatmulCase]:
    """All cases. The draft has each as soon as it is known, and those to come as interrupted."""
    cases: list[MatmulCase] = []
    to_come = [
        MatmulCase(
            shape.m,
            shape.k,
            shape.n,
            dtype,
            CaseStatus.INTERRUPTED,
            "the run ended before this product",
        )
        for shape in shapes
        for dtype in dtypes
    ]
    session.draft.set("matmul", to_come)
    with progress("matmul", len(to_come)) as advance:
        for case in run_cases(shapes, dtypes, device, budget_sec):
            cases.append(case)
            session.draft.set("matmul", cases + to_come[len(cases) :])
            advance(len(cases), f"{render.case_name(case)} {case.dtype}")
    return cases


def judge(session: Session, cases: Sequence[MatmulCase]) -> ExitCode:
    """Wrong beats refused beats fine; one line on stderr for each case that matters."""
    for case in cases:
        if case.status in (CaseStatus.WRONG, CaseStatus.REFUSED):
            remedy = (
                "run `workload doctor`"
                if case.status is CaseStatus.WRONG
                else "choose smaller --sizes or allow more memory"
            )
            name = f"{render.case_name(case)} {case.dtype}"
            session.complain(f"{name} {case.status.value}: {case.reason}: {remedy}")
    statuses = {case.status for case in cases}
    if CaseStatus.WRONG in statuses:
        return ExitCode.WRONG_NUMBERS
    if CaseStatus.REFUSED in statuses:
        return ExitCode.UNFIT
    if no_case_ran(cases):
        session.complain("no case could run, see the notes: raise --budget or choose other sizes")
        return ExitCode.UNFIT
    return ExitCode.OK
