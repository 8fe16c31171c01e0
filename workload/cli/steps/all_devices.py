"""Run a command on several devices at the same time, in one process each, with one verdict."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from msgspec.structs import replace as replaced

from workload.cli.options import ALL, DevicesOptions
from workload.cli.progress import progress
from workload.cli.session import Session
from workload.core.errors import ExitCode, worst_code
from workload.core.models.facts import QUICK, Facts
from workload.core.models.gpu import Gpu
from workload.core.models.rank import Rank
from workload.doctor.probes.facts import gather
from workload.hardware.affinity import given_cpus
from workload.hardware.cgroups import read_limits
from workload.hardware.driver_codes import NVML_PERMISSION
from workload.hardware.driver_process import ask_driver, driver_visible
from workload.hardware.nvml import HardwareError
from workload.ranks.resources import require_resources
from workload.ranks.slots import Slot, cpu_slots, gpu_slots, visible_gpus
from workload.ranks.supervisor import Supervisor
from workload.report.terminal import rank_lines
from workload.report.terminal.tables import Grid

Chosen = TypeVar("Chosen", bound=DevicesOptions)
# A rank ends itself if its GPU does not answer within --driver-timeout. The supervisor waits
# longer, by this factor.
TIMEOUT_FACTOR = 1.5
START_SEC = 15.0  # time in the progress bar for the ranks to start and run the doctor
DRIVER_QUESTIONS = 3  # queries that the doctor may wait for, one after the other


def slots_of(options: DevicesOptions) -> list[Slot]:
    """Return a slot (a device and CPUs) for each rank; an empty list if one process is enough.

    Raises UnfitError if the memory or the open files do not suffice for the ranks.
    """
    usable = read_limits().usable_threads
    if options.device == ALL:
        gpus = gpus_here()
        return gpu_slots(gpus, given_cpus(), usable) if len(gpus) > 1 else []
    if options.ranks is None or options.ranks == 1:
        return []
    require_resources(options.ranks)
    return cpu_slots(options.ranks, given_cpus(), usable)


def of_one(options: Chosen) -> Chosen:
    """Return the options for one process, with --device cuda instead of --device all."""
    return replace(options, device="cuda") if options.device == ALL else options


def gpus_here() -> list[Gpu]:
    """Return the GPUs of this process, including lost ones; none if NVML does not answer."""
    if not driver_visible():
        return []
    try:
        gpus = ask_driver().gpus
    except HardwareError:  # one GPU may work without NVML; the command reports what is wrong
        return []
    own = [gpu for gpu in gpus if gpu.state or gpu.code != NVML_PERMISSION]
    return visible_gpus(own, os.environ.get("CUDA_VISIBLE_DEVICES"))


def run_ranks(
    session: Session,
    options: DevicesOptions,
    slots: Sequence[Slot],
    table: Callable[[Sequence[Rank]], Grid],
) -> ExitCode:
    """Run the command in each slot; print a table of all ranks and the verdict; return the code."""
    least_sec = TIMEOUT_FACTOR * options.driver_timeout
    limit_sec = options.rank_timeout or max(least_sec, options.budget)
    start_sec = limit_sec + DRIVER_QUESTIONS * options.driver_timeout
    supervisor = Supervisor(session.argv, slots, limit_sec, start_sec, options.output)
    session.info(rank_lines.start_line(len(slots), slots[0].gpu is not None))

    def collect() -> None:
        supervisor.interrupt()
        _record(session, supervisor, None, options.device)

    session.collect_at_end(collect, supervisor.remove)
    session.watch_driver()
    with progress("run", START_SEC + options.budget) as advance:
        ranks = supervisor.run(
            lambda running, elapsed_sec: advance(elapsed_sec, f"{running} of {len(slots)} run")
        )
        _record(session, supervisor, gather(_kind(slots), depth=QUICK), options.device)
        code = code_of(ranks)
        advice = session.advise(code)
    for line in rank_lines.error_lines(ranks):
        session.error(line)
    session.info("", table(ranks), "", *rank_lines.notes(ranks), "")
    session.info(*rank_lines.verdict_lines(code, ranks, advice))
    return code


def _kind(slots: Sequence[Slot]) -> str:
    return "cuda" if slots[0].gpu else "cpu"


def _record(session: Session, supervisor: Supervisor, now: Facts | None, device: str) -> None:
    """Record the ranks' results and the facts that one rank gathered about the machine.

    `now` has facts that were gathered after the ranks ended. What these say about the driver and
    the boot is recorded in place of what the rank found. If no rank has facts, `now` is recorded.
    """
    ranks, facts = supervisor.found(), supervisor.facts()
    session.builder.set("ranks", ranks)
    session.builder.set("device", next((one.device for one in ranks if one.device), None))
    if facts and now:
        names = ("driver", "driver_error", "driver_code", "driver_hung", "xids", "boot_id",
                 "booted_sec")  # fmt: skip
        facts = replaced(facts, **{name: getattr(now, name) for name in names})
    found = facts or now
    if found:
        found = replaced(found, requested_device=device, deep=None)
    session.builder.set("environment", found)


def code_of(ranks: Iterable[Rank]) -> ExitCode:
    """Return the worst code of all ranks; a rank that did not end by itself counts as UNFIT."""
    codes = [rank.code for rank in ranks]
    return worst_code(codes) or max(codes)
