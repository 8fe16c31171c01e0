"""Train on several ranks: each takes its device and its rows, rank 0 shows the result."""

from msgspec.structs import replace

from workload.cli.options import TrainOptions
from workload.cli.session import Session
from workload.cli.steps.device import announce, device_of_rank
from workload.cli.steps.shown_training import prepared, train_shown
from workload.cli.steps.train import require_finite
from workload.cli.steps.variables import warn_of_variables
from workload.core.errors import BadInputError, ExitCode
from workload.core.models.device import DeviceInfo
from workload.core.models.train import TrainResult
from workload.core.train_spec import RANK_MODE_NAMES
from workload.core.units import plural
from workload.distributed.environment import Place
from workload.distributed.group import BACKENDS, Group, joined
from workload.report.terminal import summary
from workload.report.terminal.collective_table import scaling_table
from workload.report.terminal.tables import labelled
from workload.train.float64 import with_float64
from workload.train.scaling import measure_scaling


def train_on_ranks(session: Session, options: TrainOptions, place: Place) -> ExitCode:
    """Train together with the other ranks, and with --scaling measure steps on fewer of them."""
    mode = options.mode or RANK_MODE_NAMES[0]
    if mode not in RANK_MODE_NAMES:
        raise BadInputError(
            f"mode {mode} runs on one rank, and {place.started_by} has started "
            f"{plural(place.world_size, 'rank')}: choose --mode {' or '.join(RANK_MODE_NAMES)}"
        )
    device = prepared(device_of_rank(options.device, place), options)
    session.builder.set("device", device)
    with joined(place, device) as group:
        result = _train(session, options, device, mode, group)
        require_finite(result, options.spec)
        if options.scaling:
            points = measure_scaling(options.spec, device, mode)
            result = replace(result, scaling=tuple(points))
    # The checkpoint may have had another number of threads.
    device = replace(device, threads=result.threads or device.threads)
    if place.leads:
        result = with_float64(result, device)
    session.builder.set("train", [result])
    session.info(summary.train_line(result, device))
    if result.scaling:
        session.info(scaling_table(result.scaling))
    elif device.kind == "cpu" and place.world_size == place.local_world_size > 1:
        words = "ranks on the CPUs of one machine show that they agree, not how fast they are"
        session.info(labelled("hint", f"{place.world_size} {words}"))
    return ExitCode.OK


def _ranks_line(place: Place) -> str:
    words = f"{plural(place.world_size, 'rank')}, started by {place.started_by}"
    return f"{words}, restart {place.restart}" if place.restart else words


def _train(
    session: Session, options: TrainOptions, device: DeviceInfo, mode: str, group: Group
) -> TrainResult:
    def show_device(used: DeviceInfo) -> None:
        announce(session, used)
        session.info(labelled("ranks", _ranks_line(group.place)))
        warn_of_variables(session, used.kind, BACKENDS[used.kind])

    shows_mode = options.mode is not None  # the default is not announced
    return train_shown(
        session,
        options,
        device,
        mode,
        shows_mode=shows_mode,
        on_device=show_device,
        group=group,
    )
