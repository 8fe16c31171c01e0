"""A rank that does one all-reduce, or ends in the way its arguments say: `kill 1`, `hang 1`."""

import os
import signal
import sys

from workload.core.garbage import without_garbage_collection

with without_garbage_collection():  # saves each process 0.35 s, as in the command line
    import torch
    import torch.distributed as dist

from workload.core.errors import WorkloadError
from workload.core.models.device import DeviceInfo
from workload.distributed.environment import read_place
from workload.distributed.failures import LostRankError, report_failure
from workload.distributed.group import joined
from workload.hardware.child import end_with_parent

WAIT_SEC = 5.0


def main(how: str, whose: str = "-1") -> int:
    end_with_parent()
    place = read_place(os.environ)
    assert place is not None
    cpu = DeviceInfo(kind="cpu", torch_name="cpu", name="a CPU", reason="a test", threads=1)
    try:
        with joined(place, cpu, WAIT_SEC):
            total = torch.ones(1)
            dist.all_reduce(total)
            if place.rank == int(whose) and place.restart == 0:
                _end(how)
            dist.all_reduce(total)
            if place.leads:
                sys.stdout.write(f"{total.item():g} at {place.master_port}\n")
    except WorkloadError as error:
        report_failure(os.environ, str(error), isinstance(error, LostRankError))
        return error.exit_code
    return 0


def _end(how: str) -> None:
    match how:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "terminate":
            os.kill(os.getpid(), signal.SIGTERM)
        case "hang":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "fail":
            report_failure(os.environ, "a planted fault", lost_another=False)
            os._exit(3)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
