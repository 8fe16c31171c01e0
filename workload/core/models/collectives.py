"""The ranks that worked together, the links between them, and the slow ranks and links."""

from enum import StrEnum
from typing import Annotated

from workload.core.models.model import Amount, Count, Model, Positive, one_of


class LinkKind(StrEnum):
    """The type of the link between two ranks or two nodes."""

    NVLINK = "NVLink"
    PCIE = "PCIe"
    HOST = "host"  # the memory of one machine
    NETWORK = "network"
    UNKNOWN = "unknown"


class Link(Model, frozen=True):
    """The link between two ranks or two nodes.

    `width` counts NVLinks or PCIe lanes. `gbs` is the datasheet's rate per direction, in GB/s.
    """

    kind: LinkKind
    path: str | None = None  # over PCIe: "PIX", "PXB", "PHB", "NODE", "SYS"
    generation: Positive | None = None
    width: Positive | None = None
    gbs: Amount | None = None

    @property
    def words(self) -> str:
        """The name of the link: `NVLink 4 x18`, `PCIe 5 x16 PIX`, `host`."""
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
    """Two ranks or two nodes, the link between them, and the names of their cases."""

    first: Count
    second: Count
    link: Link
    cases: tuple[str, ...]


class SlowLink(Model, frozen=True):
    """A rank, node or pair that is far slower than its peers with the same type of link.

    For a rank or node, `share` is its best rate divided by the median of its peers. For a pair,
    `share` is the pair's rate divided by the lower of its two parties' best rates. `parties` has
    the numbers of the ranks or nodes; `Collectives.parties` says which of the two they are.
    """

    parties: tuple[Count, ...]
    link: str
    share: Amount


class Collectives(Model, frozen=True):
    """The ranks or nodes that worked together in the cases of this record.

    `link` is the slowest link that the cases may use; None if the rate of any link is unknown.
    """

    backend: Annotated[str, one_of("gloo", "nccl")]
    parties: Annotated[str, one_of("ranks", "nodes")]
    ranks: tuple[RankPlace, ...]
    link: Link | None
    pairs: tuple[PairLink, ...] = ()
    slow: tuple[SlowLink, ...] = ()
