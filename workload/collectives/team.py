"""Coordinate the ranks: send decisions of rank 0, gather results, and wait for all ranks."""

from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist

from workload.bench.timers import Timer
from workload.distributed.environment import Place
from workload.distributed.group import GROUP_SEC

Value = TypeVar("Value")
END = 0  # sent instead of a number of calls


class Team:
    """The ranks of the joined process group. They coordinate through gloo, on the CPU."""

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
        """Send a number to the other ranks. Only rank 0 calls this."""
        dist.broadcast(torch.tensor([number]), 0, group=self._group)

    def received(self) -> int:
        """Wait for the number that rank 0 sends. Only the other ranks call this."""
        number = torch.zeros(1, dtype=torch.int64)
        dist.broadcast(number, 0, group=self._group)
        return int(number)

    def from_rank_0(self, decided: Value) -> Value:
        """Return rank 0's value on every rank."""
        holder = [decided]
        dist.broadcast_object_list(holder, 0, group=self._group)
        return holder[0]

    def gather(self, found: Value) -> list[Value]:
        """Return the values of all ranks, in the order of ranks, on every rank."""
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
    """A timer of batches that all ranks run at the same time; it returns the slowest rank's time.

    Rank 0 uses it as a `Timer` and decides how many calls a batch has and when to stop. The other
    ranks call `follow`. `samples_sec` are this rank's own times.
    """

    def __init__(self, timer: Timer, team: Team) -> None:
        """Wrap this rank's own timer."""
        self.method = timer.method
        self.rounded, self.telemetry = timer.rounded, timer.telemetry
        self.forget_readings = timer.forget_readings
        self.samples_sec: list[float] = []
        self._timer = timer
        self._team = team

    def batch(self, calls: int) -> float:
        """Make `calls` calls on all ranks; return the seconds per call of the slowest rank."""
        self._team.tell(calls)
        return self._together(calls)

    def end(self) -> None:
        """Signal to the other ranks that no batch follows."""
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
