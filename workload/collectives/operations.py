"""The operations between ranks: what each rank sends, and the result that it should have."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.distributed as dist

from workload.collectives.patterns import prime_of
from workload.core.models.case import Kind
from workload.core.units import DTYPE_BYTES

Call = Callable[[], object]


@dataclass(frozen=True)
class Piece:
    """A part of a result: `count` elements from `start` on, summed over the ranks `sources`."""

    sources: tuple[int, ...]
    start: int
    count: int


@dataclass(frozen=True)
class Operation:
    """An operation of several ranks on an array; `elements` is a multiple of `ranks`.

    Subclasses define what each rank sends, its result, and the function to call.
    """

    kind: ClassVar[Kind]
    sums: ClassVar[bool] = False
    dtype: str
    ranks: int
    elements: int

    @property
    def bytes(self) -> int:
        """The size of the whole array in bytes, called S in `core/bus_bandwidth.py`."""
        return self.elements * DTYPE_BYTES[self.dtype]

    @property
    def chunk(self) -> int:
        """The number of elements in a chunk; there are as many chunks as ranks."""
        return self.elements // self.ranks

    @property
    def prime(self) -> int | None:
        """The prime p of `collectives/patterns.py`; None if sums over all ranks are not exact."""
        return prime_of(self.dtype, self.ranks if self.sums else 1)

    @property
    def everyone(self) -> tuple[int, ...]:
        """All ranks."""
        return tuple(range(self.ranks))

    def sent(self, rank: int) -> tuple[int, int]:  # noqa: ARG002  the same for all ranks
        """Return the first position that `rank` sends, and the number of elements."""
        return 0, self.elements

    def result(self, rank: int) -> Sequence[Piece]:
        """Return the pieces of the result of `rank`, in order."""
        raise NotImplementedError

    def in_place(self, rank: int) -> bool:  # noqa: ARG002
        """Return whether the result of `rank` replaces what it sends."""
        return False

    def call(self, given: torch.Tensor, taken: torch.Tensor) -> Call:
        """Return a function that sends `given` and fills `taken`, the same tensor if in place."""
        raise NotImplementedError


class AllReduce(Operation):
    """The sum of all arrays, which replaces the array of every rank."""

    kind = Kind.ALL_REDUCE
    sums = True

    def result(self, rank: int) -> Sequence[Piece]:  # noqa: ARG002
        """Return the whole sum."""
        return [Piece(self.everyone, 0, self.elements)]

    def in_place(self, rank: int) -> bool:  # noqa: ARG002
        """Return True: PyTorch's all_reduce is always in place."""
        return True

    def call(self, given: torch.Tensor, taken: torch.Tensor) -> Call:  # noqa: ARG002
        """Return a function that sums in place."""
        return lambda: dist.all_reduce(taken)


class ReduceScatter(Operation):
    """The sum of all arrays, with one chunk on each rank."""

    kind = Kind.REDUCE_SCATTER
    sums = True

    def result(self, rank: int) -> Sequence[Piece]:
        """Return the rank's chunk of the sum."""
        return [Piece(self.everyone, rank * self.chunk, self.chunk)]

    def call(self, given: torch.Tensor, taken: torch.Tensor) -> Call:
        """Return a function that sums `given` over all ranks and keeps the rank's chunk."""
        reduce_scatter = _renamed("reduce_scatter_single", "reduce_scatter_tensor")
        return lambda: reduce_scatter(taken, given)


class AllGather(Operation):
    """The chunks of all ranks, on every rank."""

    kind = Kind.ALL_GATHER

    def sent(self, rank: int) -> tuple[int, int]:
        """Return the start and length of the rank's chunk."""
        return rank * self.chunk, self.chunk

    def result(self, rank: int) -> Sequence[Piece]:  # noqa: ARG002
        """Return one chunk of each rank."""
        return [Piece((source,), source * self.chunk, self.chunk) for source in self.everyone]

    def call(self, given: torch.Tensor, taken: torch.Tensor) -> Call:
        """Return a function that gathers `given` from all ranks."""
        all_gather = _renamed("all_gather_single", "all_gather_into_tensor")
        return lambda: all_gather(taken, given)


class Broadcast(Operation):
    """The array of rank 0, on every rank."""

    kind = Kind.BROADCAST

    def result(self, rank: int) -> Sequence[Piece]:  # noqa: ARG002
        """Return the array of rank 0."""
        return [Piece((0,), 0, self.elements)]

    def in_place(self, rank: int) -> bool:
        """Return whether `rank` is the root."""
        return rank == 0

    def call(self, given: torch.Tensor, taken: torch.Tensor) -> Call:  # noqa: ARG002
        """Return a function that sends the array of rank 0."""
        return lambda: dist.broadcast(taken, 0)


class AllToAll(Operation):
    """On each rank, the chunks that all ranks have for it."""

    kind = Kind.ALL_TO_ALL

    def result(self, rank: int) -> Sequence[Piece]:
        """Return the rank's chunk of each rank's array."""
        return [Piece((source,), rank * self.chunk, self.chunk) for source in self.everyone]

    def call(self, given: torch.Tensor, taken: torch.Tensor) -> Call:
        """Return a function that sends each rank its chunk of `given`."""
        return lambda: dist.all_to_all_single(taken, given)


COLLECTIVES: tuple[type[Operation], ...] = (
    AllReduce,
    ReduceScatter,
    AllGather,
    Broadcast,
    AllToAll,
)


@dataclass(frozen=True)
class Exchange(Operation):
    """A simultaneous exchange of arrays between pairs of ranks.

    `peers` has the peer of each rank; a rank without a peer does nothing.
    """

    kind = Kind.SEND_RECEIVE
    peers: tuple[int | None, ...] = ()

    def result(self, rank: int) -> Sequence[Piece]:
        """Return the peer's array."""
        peer = self.peers[rank]
        return [] if peer is None else [Piece((peer,), 0, self.elements)]

    def call(self, given: torch.Tensor, taken: torch.Tensor) -> Call:
        """Return a function that sends `given` to the peer and receives the peer's array."""
        peer = self.peers[dist.get_rank()]
        if peer is None:
            return lambda: None

        def exchange() -> None:
            both = [dist.P2POp(dist.isend, given, peer), dist.P2POp(dist.irecv, taken, peer)]
            for work in dist.batch_isend_irecv(both):
                work.wait()

        return exchange


def _renamed(name: str, before: str) -> Callable[..., object]:
    """Return the function `name` of torch.distributed; before torch 2.13 it was called `before`."""
    function: Callable[..., object] = getattr(dist, name, None) or getattr(dist, before)
    return function


def elements_of(bytes_: int, dtype: str, ranks: int) -> int:
    """Return how many elements fit into `bytes_`: a multiple of `ranks`, at least `ranks`."""
    return max(1, bytes_ // (DTYPE_BYTES[dtype] * ranks)) * ranks
