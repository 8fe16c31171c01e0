"""The ranks that worked together, what connects them, and which of that was slow."""

from enum import StrEnum
from typing import Annotated

from workload.core.models.model import Amount, Count, Model, Positive, one_of


class LinkKind(StrEnum):
    """What connects two ranks, as far as it is known."""

    NVLINK = "NVLink"
    PCIE = "PCIe"
    HOST = "host"  # the memory of one machine
    NETWORK = "network"
    UNKNOWN = "unknown"


class Link(Model, frozen=True):
    """What connects two ranks, or two nodes.

    `width` counts NVLinks or PCIe lanes. `gbs` is the datasheet's rate each way, in GB/s.
    """

    kind: LinkKind
    path: str | None = None  # over PCIe: "PIX", "PXB", "PHB", "NODE", "SYS"
    generation: Positive | None = None
    width: Positive | None = None
    gbs: Amount | None = None

    @property
    def words(self) -> str:
        """Name it: `NVLink 4 x18`, `PCIe 5 x16 PIX`, `host`."""
        width = f"x{self.width}" if self.width else None
        path = self.path if self.kind is LinkKind.PCIE else None
        parts = (self.kind, self.generation, width, path)
        return " ".join(str(part) for part in parts if part)


class RankPlace(Model, frozen=True):
    """Where one rank ran."""

    rank: Count
    node: Count
    host: str
    device: str
    torch_name: str
    gpu_uuid: str | None = None
    gpu_address: str | None = None  # "0000:65:00.0"


class PairLink(Model, frozen=True):
    """Two ranks or two nodes, what connects them, and the names of their cases."""

    first: Count
    second: Count
    link: Link
    cases: tuple[str, ...]


class SlowLink(Model, frozen=True):
    """One party, or a pair of them, far below its peers of the same link type.

    `share` is of their median. `parties` are of what `Collectives.parties` names.
    """

    parties: tuple[Count, ...]
    link: str
    share: Amount


class Collectives(Model, frozen=True):
    """What worked together in the cases of this record.

    `link` is the slowest that its cases may use, None if one of them is not known.
    """

    backend: Annotated[str, one_of("gloo", "nccl")]
    parties: Annotated[str, one_of("ranks", "nodes")]
    ranks: tuple[RankPlace, ...]
    link: Link | None
    pairs: tuple[PairLink, ...] = ()
    slow: tuple[SlowLink, ...] = ()
