"""Coordinate the ranks: send what rank 0 decided, gather what each found, wait for all."""

from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist

from workload.bench.timers import Timer
from workload.distributed.environment import Place
from workload.distributed.group import GROUP_SEC

Value = TypeVar("Value")
END = 0  # calls


class Team:
    """The ranks of a process group that was joined. They communicate by gloo, on the CPU."""

    def __init__(self, place: Place) -> None:
        """Create a gloo group if the default group has another backend."""
        self.rank, self.ranks, self.leads = place.rank, place.world_size, place.leads
        self.on_node = place.local_world_size
        self.backend = dist.get_backend()
        self._group = None
        if self.backend != "gloo":
            limit = timedelta(seconds=GROUP_SEC)
            self._group = dist.new_group(backend="gloo", timeout=limit)
        self._calls = 0

    def next_call(self) -> int:
        """Return a number for the next call, the same on all ranks and never used before."""
        self._calls += 1
        return self._calls

    def tell(self, number: int) -> None:
        """Send a number to the others; rank 0 only."""
        dist.broadcast(torch.tensor([number]), 0, group=self._group)

    def received(self) -> int:
        """Wait for the number that rank 0 sends; the others only."""
        number = torch.zeros(1, dtype=torch.int64)
        dist.broadcast(number, 0, group=self._group)
        return int(number)

    def from_rank_0(self, decided: Value) -> Value:
        """Return what rank 0 decided, on every rank."""
        holder = [decided]
        dist.broadcast_object_list(holder, 0, group=self._group)
        return holder[0]

    def gather(self, found: Value) -> list[Value]:
        """Return what each rank found, in the order of ranks, on every rank."""
        holder: list[Value] = [found] * self.ranks
        dist.all_gather_object(holder, found, group=self._group)
        return holder

    def meet(self) -> None:
        """Wait until all ranks reach this call."""
        dist.barrier(group=self._group)

    def slowest(self, seconds: float) -> float:
        """Return the maximum of `seconds` over all ranks."""
        longest = torch.tensor([seconds], dtype=torch.float64)
        dist.all_reduce(longest, dist.ReduceOp.MAX, group=self._group)
        return float(longest)


class TeamTimer:
    """Times batches that all ranks make at the same time, by the slowest of them.

    Rank 0 uses it as a `Timer`, which decides how many calls a batch has and when to stop;
    the others `follow`. `samples_sec` are this rank's own.
    """

    def __init__(self, timer: Timer, team: Team) -> None:
        """Time with this rank's own timer."""
        self.method = timer.method
        self.rounded, self.telemetry = timer.rounded, timer.telemetry
        self.forget_readings = timer.forget_readings
        self.samples_sec: list[float] = []
        self._timer = timer
        self._team = team

    def batch(self, calls: int) -> float:
        """Make `calls` calls on all ranks; return the seconds of one on the slowest rank."""
        self._team.tell(calls)
        return self._together(calls)

    def end(self) -> None:
        """Signal to the others that no batch follows."""
        self._team.tell(END)

    def follow(self) -> None:
        """Run the batches that rank 0 starts, until it stops."""
        while (calls := self._team.received()) != END:
            self._together(calls)

    def _together(self, calls: int) -> float:
        self._team.meet()
        own_sec = self._timer.batch(calls)
        self.samples_sec.append(own_sec)
        return self._team.slowest(own_sec)
