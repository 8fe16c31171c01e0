"""`workload matmul`: GFLOP/s of matrix products."""

from collections.abc import Sequence

from workload import devices, render
from workload.commands import announce
from workload.errors import ExitCode
from workload.matmul import default_shapes, no_case_ran, run_cases
from workload.progress import progress
from workload.results import CaseStatus, DeviceInfo, MatmulCase, Shape
from workload.session import Session


def command(session: Session) -> ExitCode:
    """Run every case, print the table, and complain of each that is wrong or refused."""
    arguments = session.arguments
    device = devices.resolve(arguments.device)
    announce(session, device)
    cases = run_and_record(session, device, arguments.budget)
    show(session, cases)
    return judge(session, cases)


def run_and_record(session: Session, device: DeviceInfo, budget_sec: float) -> list[MatmulCase]:
    """The cases asked for, or the default ones.

    The draft has each as soon as it is known, and those to come as interrupted.
    """
    sizes, dtypes = session.arguments.sizes, session.arguments.dtypes
    shapes = [Shape(*size) for size in sizes] if sizes else default_shapes(device)
    dtypes = dtypes or devices.default_dtypes(device)
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
            session.draft.replace("matmul", len(cases) - 1, case)
            advance(len(cases), f"{case.shape} {case.dtype}")
    return cases


def show(session: Session, cases: Sequence[MatmulCase]) -> None:
    """The table, and a word of doubt below it where one is due."""
    session.say(render.matmul_table(cases))
    doubt = render.noise_line(cases)
    if doubt:
        session.say(doubt)


def judge(session: Session, cases: Sequence[MatmulCase]) -> ExitCode:
    """Wrong beats refused beats fine; one line on stderr for each case that matters."""
    for case in cases:
        if case.status in (CaseStatus.WRONG, CaseStatus.REFUSED):
            remedy = (
                "run `workload doctor`"
                if case.status is CaseStatus.WRONG
                else "choose smaller --sizes or allow more memory"
            )
            name = f"{case.shape} {case.dtype}"
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
