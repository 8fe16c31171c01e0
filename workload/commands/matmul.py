"""`workload matmul`: GFLOP/s of matrix products."""

import argparse

from workload import devices
from workload.bench import memory_problem
from workload.cases import Shape
from workload.commands import announce, measuring
from workload.errors import ExitCode
from workload.operations.matmul import DEFAULT_SIZES, MatMul, squares
from workload.results import DeviceInfo
from workload.session import Session
from workload.threads import with_best_threads
from workload.timing import Protocol


def command(session: Session) -> ExitCode:
    """Run every case, print the table, and complain of each that is wrong or refused."""
    arguments = session.arguments
    device = with_best_threads(devices.resolve(arguments.device))
    announce(session, device)
    products = asked_products(arguments, device)
    cases, ceilings = measuring.measure_and_record(session, device, products, arguments.budget)
    measuring.show(session, cases, ceilings)
    return measuring.judge(session, cases)


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
