"""`workload matmul`: GFLOP/s of matrix products."""

import argparse

from workload.bench.operations.matmul import DEFAULT_SIZES, MatMul, squares
from workload.bench.runner import memory_problem
from workload.bench.threads import with_best_threads
from workload.bench.timing import Protocol
from workload.cli.commands import announce, measuring
from workload.cli.commands.searching import search_and_record
from workload.cli.session import Session
from workload.core.cases import Case, CaseStatus, Shape
from workload.core.errors import ExitCode
from workload.core.results import DeviceInfo
from workload.hardware import devices

# By --search, unless others are asked for: what networks compute in.
SEARCHED_DTYPES = ("float32", "bfloat16")
# Of the budget; the rest measures the device's limits, and the winners or the sizes asked for.
SEARCH_SHARE = 0.8


def command(session: Session) -> ExitCode:
    """Run every case, print the table, and complain of each that is wrong or refused.

    With --search the fastest shapes are sought first; they are the ceiling of what follows.
    """
    arguments = session.arguments
    device = with_best_threads(devices.resolve(arguments.device))
    announce(session, device)
    products, budget_sec = asked_products(arguments, device), arguments.budget
    known: list[Case] = []
    if arguments.search:
        dtypes = arguments.dtypes or SEARCHED_DTYPES
        known, fastest = search_and_record(session, device, dtypes, SEARCH_SHARE * budget_sec)
        budget_sec *= 1 - SEARCH_SHARE
        products = products if arguments.sizes else fastest
    cases, ceilings = measuring.measure_and_record(session, device, products, budget_sec, known)
    measuring.show(session, cases, ceilings)
    wrong = [case for case in known if case.status is CaseStatus.WRONG]
    return measuring.judge(session, [*wrong, *cases])


def asked_products(arguments: argparse.Namespace, device: DeviceInfo) -> list[MatMul]:
    """The products asked for, or the default ones."""
    shapes = [Shape(*size) for size in arguments.sizes or ()] or default_shapes(device)
    dtypes = arguments.dtypes or devices.default_dtypes(device)
    protocol = Protocol(cache=arguments.cache)
    return [MatMul(shape, dtype, protocol) for shape in shapes for dtype in dtypes]


def default_shapes(device: DeviceInfo) -> list[Shape]:
    """The default sizes that fit the memory in every dtype, at least the smallest.

    Nobody asked for these sizes, so a small container is not unfit for lacking room.
    """
    shapes = squares(*DEFAULT_SIZES[device.kind])
    fitting = [
        shape for shape in shapes if memory_problem(MatMul(shape, "float64"), device) is None
    ]
    return fitting or shapes[:1]
