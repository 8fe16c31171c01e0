"""The command line with a fault in one rank, and brief stages.

Run as a script: PLANT="dies 1" python alone.py run --device cpu --ranks 2
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from workload.core.garbage import without_garbage_collection

with without_garbage_collection():  # saves each process 0.35 s, as in the command line
    from torch import Tensor

from workload.bench.operations.matmul import MatMul, multiply
from workload.cli.commands import run
from workload.cli.main import main
from workload.cli.steps import measure
from workload.core import places
from workload.core.case_titles import full_title
from workload.core.models.case import Case
from workload.ranks import supervisor
from workload.ranks.member import this_member

VICTIM = "matmul 256 float32"  # the case in which a rank dies or hangs
TIMES = 10  # that a slow rank does each matmul, for other work slows all by chance


def before_the_victim(fault: Callable[[], None]) -> None:
    run_cases = measure.run_cases

    def run_or_fail(operations: Any, device: Any, budget_sec: float) -> Any:
        for operation in operations:
            cases: list[Case] = list(run_cases([operation], device, budget_sec / len(operations)))
            if full_title(cases[0]) == VICTIM:
                fault()
            yield from cases

    setattr(measure, "run_cases", run_or_fail)  # noqa: B010  mypy knows another type


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hang() -> None:
    time.sleep(3600)


def off_by_one(a: Tensor, b: Tensor, out: Tensor) -> None:
    """Multiply, and change one element."""
    multiplied = a @ b
    multiplied.view(-1)[7] += 1
    out.copy_(multiplied)


def many_times(a: Tensor, b: Tensor, out: Tensor) -> None:
    """Multiply more often than is asked for."""
    for _ in range(TIMES):
        multiply(a, b, out)


def multiply_by(planted: Callable[[Tensor, Tensor, Tensor], None]) -> Callable[[], None]:
    def plant() -> None:
        requested = run.requested_matmuls

        def matmuls(options: Any, device: Any) -> list[MatMul]:
            return [replace(matmul, multiply=planted) for matmul in requested(options, device)]

        setattr(run, "requested_matmuls", matmuls)  # noqa: B010  mypy knows another type

    return plant


PLANTS = {
    "dies": lambda: before_the_victim(die),
    "hangs": lambda: before_the_victim(hang),
    "computes": multiply_by(off_by_one),
    "slows": multiply_by(many_times),
}

if __name__ == "__main__":
    replaced: dict[tuple[Any, str], Any] = {
        (places, "ends_with_container"): lambda *_: False,  # of a test image
        (run, "TRAIN_PRESETS"): ("book",),
        (run, "MIN_MATMUL_SEC"): 1.0,
        (run, "default_convolutions"): lambda _device: [],
        (supervisor, "COMMAND"): (sys.executable, __file__),
    }
    for (module, attribute), value in replaced.items():
        setattr(module, attribute, value)
    name, rank = os.environ["PLANT"].split()
    member = this_member()
    if member and member.rank == int(rank):
        PLANTS[name]()
    sys.exit(main())
