"""`workload train` on ranks with a mistake in it: `row` drops one, `mean` takes it for a sum.

The program's own check of the mode is off unless `checked` is given:
python training.py RANKS row|mean [checked] ARGUMENTS...
"""

import os
import sys
from dataclasses import dataclass

from workload.core.garbage import without_garbage_collection

with without_garbage_collection():  # saves each process 0.35 s, as in the command line
    import torch.distributed as dist
    from torch import Tensor

from workload.cli.main import main
from workload.core.errors import WorkloadError
from workload.distributed.launch import Launch, launch
from workload.train import modes
from workload.train.modes import ranks as rank_modes
from workload.train.modes.ranks import Split

MOST_LOSSES = 1000  # in one tensor; the buffer of gradients is longer


@dataclass(frozen=True)
class DroppedRow(Split):
    """The last rank loses its last row."""

    def rows(self, tensor: Tensor) -> Tensor:
        rows = super().rows(tensor)
        return rows[:-1] if self.rank == self.size - 1 else rows


@dataclass(frozen=True)
class Mean(Split):
    """Gradients are averaged, losses summed."""

    def rows(self, tensor: Tensor) -> Tensor:
        return tensor.tensor_split(dist.get_world_size())[self.rank].contiguous()

    def sum(self, tensor: Tensor) -> None:
        super().sum(tensor)
        if tensor.numel() > MOST_LOSSES:
            tensor[:-1] /= dist.get_world_size()


def planted(mistake: str) -> Split:
    rank, size = dist.get_rank(), dist.get_world_size()
    # DDP averages by itself: the mistake is not to multiply by the number of ranks.
    return DroppedRow(rank, size) if mistake == "row" else Mean(rank, 1)


def run(ranks: str, mistake: str, *arguments: str) -> int:
    if "RANK" not in os.environ:
        try:
            return launch((__file__, ranks, mistake, *arguments), Launch(int(ranks)))
        except WorkloadError as error:
            sys.stderr.write(f"{error}\n")
            return error.exit_code
    checked, words = arguments[0] == "checked", arguments
    if checked:
        words = arguments[1:]
    else:
        modes.require_right = lambda *_: None
    rank_modes.over_all_ranks = lambda: planted(mistake)
    return main(["train", *words])


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
