"""Resume a training run from its checkpoint, in the same state on every rank."""

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

from workload.core.errors import BadInputError
from workload.core.models.device import DeviceInfo
from workload.core.train_spec import TrainSpec
from workload.core.units import plural, storage_dtype
from workload.distributed.group import Group
from workload.train import checkpoint
from workload.train.checkpoint import Checkpoint
from workload.train.threads import require_threads


@dataclass(frozen=True)
class Saves:
    """The file that a training run is saved to, and whether to resume from it.

    `threads` is the number of threads that the user requested, if any.
    """

    path: Path
    resume: bool = False
    threads: int | None = None


def open_checkpoint(
    saves: Saves, spec: TrainSpec, device: DeviceInfo, group: Group | None = None
) -> Checkpoint | None:
    """Return the state to resume from, or None to start a new run.

    In a group, rank 0 reads the checkpoint and sends it to the other ranks. A group that torchrun
    has restarted resumes from an existing checkpoint even if `saves.resume` is false. Raises
    BadInputError or UnfitError if the checkpoint cannot be resumed.
    """
    if group is None:
        return _open(saves, spec, device, ranks=1)
    state: Checkpoint | None = None

    def read() -> list[int | None]:
        nonlocal state
        state = _open(saves, spec, device, group.place.world_size, group.place.restart > 0)
        return [state.step, state.threads] if state else []

    found = group.on_rank_0(read)
    if not found:
        return None
    step, threads = found
    return _distributed(state, spec, device, step or 0, threads)


def _distributed(
    state: Checkpoint | None, spec: TrainSpec, device: DeviceInfo, step: int, threads: int | None
) -> Checkpoint:
    """Send rank 0's checkpoint to the other ranks, where `state` is None; return it on all."""
    weights = getattr(torch, storage_dtype(spec.dtype))
    w1, w2, losses = (
        _sent(getattr(state, name, None), shape, dtype, device)
        for name, shape, dtype in (
            ("w1", spec.w1_shape, weights),
            ("w2", spec.w2_shape, weights),
            ("losses", (step,), torch.float64),
        )
    )
    return Checkpoint(spec, step, w1, w2, losses, threads)


def _sent(
    tensor: Tensor | None, shape: tuple[int, ...], dtype: torch.dtype, device: DeviceInfo
) -> Tensor:
    where = device.torch_name
    sent = torch.empty(shape, dtype=dtype, device=where) if tensor is None else tensor.to(where)
    dist.broadcast(sent, 0)
    return sent.cpu()


def _open(
    saves: Saves, spec: TrainSpec, device: DeviceInfo, ranks: int, restarted: bool = False
) -> Checkpoint | None:
    path = saves.path
    exists = _exists(path)
    if not saves.resume and not (restarted and exists):
        require_free(path)
        return None
    state = checkpoint.read(path, spec.checkpoint_bytes)
    differences = spec.differences(state.spec)
    if differences:
        raise BadInputError(
            f"{path} belongs to another run (different {', '.join(differences)}): "
            "resume with the options it was started with"
        )
    if state.step > spec.steps:
        raise BadInputError(
            f"{path} is at step {state.step}, beyond --steps {spec.steps}: choose a larger --steps"
        )
    if state.ranks != ranks:
        raise BadInputError(
            f"{path} was trained on {plural(state.ranks, 'rank')}, not {ranks}, and another "
            f"number of ranks rounds sums differently: resume it on {state.ranks}, or start again "
            "with another --checkpoint"
        )
    if state.threads is not None and device.kind == "cpu":
        require_threads(path, state.threads, device, saves.threads)
    return state


def require_free(path: Path) -> None:
    """Raise BadInputError if the file exists, or if `path` cannot be a file."""
    if _exists(path):
        raise BadInputError(
            f"{path} exists: add --resume to continue it, or choose another --checkpoint"
        )


def _exists(path: Path) -> bool:
    """Return whether the file exists. Raises BadInputError if `path` cannot be a file."""
    try:
        usable, exists = not path.is_dir() and path.parent.is_dir(), path.exists()
    except OSError as error:  # the name is too long, or the directory is not accessible
        reason = error.strerror or error
        raise BadInputError(
            f"--checkpoint {path} cannot be used ({reason}): choose another file"
        ) from error
    if not usable:
        raise BadInputError(
            f"--checkpoint {path} is a directory, or its parent is not one: choose a file in an "
            "existing directory"
        )
    return exists
