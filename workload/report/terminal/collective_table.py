"""Tables and lines about ranks that work together: links, operations, scaling."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from workload.core.models.case import Case, CaseStatus, Kind
from workload.core.models.collectives import (
    Collectives,
    Link,
    LinkKind,
    PairLink,
    RankPlace,
    SlowLink,
)
from workload.core.models.train import ScalingPoint
from workload.core.units import format_bytes, format_rate, format_seconds, plural, printable
from workload.report.terminal.case_table import median_words, percent
from workload.report.terminal.tables import Grid, labelled

MAX_MATRIX = 8  # ranks whose links fit into a table
MAX_PAIRS = 28  # the number of pairs of eight ranks
RIGHT = (CaseStatus.OK, CaseStatus.INVALID)  # INVALID: right numbers, without a valid time
_CELLS = {LinkKind.HOST: "host", LinkKind.NETWORK: "net", LinkKind.UNKNOWN: "?"}
_COUNTED = {"ranks": "rank", "nodes": "node"}


def topology_table(found: Collectives) -> Grid | None:
    """Return a table of the ranks and the links between them.

    Return None if the links are between nodes, or if there are more than MAX_MATRIX ranks.
    """
    if len(found.ranks) > MAX_MATRIX or found.parties != "ranks":
        return None
    links = {(pair.first, pair.second): pair.link for pair in found.pairs}
    numbers = tuple(str(place.rank) for place in found.ranks)
    rows = tuple(
        (
            str(place.rank),
            printable(f"{place.node} {place.host}"),
            printable(place.device),
            place.gpu_address or "-",
            *(_cell(links, place.rank, other.rank) for other in found.ranks),
        )
        for place in found.ranks
    )
    headers = ("rank", "node", "device", "PCI address", *numbers)
    return Grid(headers, rows, ("rank",), ("PCI address", "device"))


def _cell(links: Mapping[tuple[int, int], Link], one: int, other: int) -> str:
    """Return a link as `nvidia-smi topo -m` names it, or `host`, `net`, `PCIe`, `?` or `-`."""
    link = links.get((min(one, other), max(one, other)))
    if link is None:
        return "-"
    if link.kind is LinkKind.NVLINK:
        return f"NV{link.width}"
    return _CELLS.get(link.kind) or link.path or "PCIe"


def topology_lines(found: Collectives) -> list[str]:
    """Return a line with the ranks on each node, and a line with the links of each type."""
    nodes: dict[int, list[RankPlace]] = {}
    for place in found.ranks:
        nodes.setdefault(place.node, []).append(place)
    words = (
        f"{node} {places[0].host} ({plural(len(places), 'rank')}, {places[0].device})"
        for node, places in nodes.items()
    )
    types = Counter(_with_rate(pair.link) for pair in found.pairs)
    links = ", ".join(f"{count} × {name}" for name, count in types.items())
    return [
        labelled("nodes", printable(", ".join(words))),
        labelled("links", f"{links}; backend {found.backend}"),
    ]


def _with_rate(link: Link) -> str:
    rate = f" ({format_rate(link.gbs)} GB/s each way)" if link.gbs is not None else ""
    return f"{link.words}{rate}"


def operations_table(cases: Sequence[Case]) -> Grid:
    """Return a table of the collective operations that ran, with their sizes."""
    headers = ("operation", "dtype", "size", "median ±", "algorithm GB/s", "bus GB/s", "% link")
    rows = tuple(
        (
            case.kind.value,
            case.dtype,
            format_bytes(case.bytes),
            median_words(case.timing),
            _gbs(case.gbs),
            _gbs(case.bus_gbs),
            percent(case.rating.peak_share if case.rating else None),
        )
        for case in cases
        if case.status is CaseStatus.OK and case.kind is not Kind.SEND_RECEIVE
    )
    return Grid(headers, rows, headers[2:], ("% link", "algorithm GB/s"))


def checked_line(cases: Sequence[Case]) -> str:
    """Return how many of the checked cases were right in every element."""
    checked = [case for case in cases if case.status in (*RIGHT, CaseStatus.WRONG)]
    right = sum(case.status in RIGHT for case in checked)
    return labelled(
        "checked", f"every element on every rank: {right} of {plural(len(checked), 'case')} right"
    )


def latency_line(cases: Sequence[Case]) -> str | None:
    """Return the time of each operation at its smallest size; None if none ran."""
    ran = [case for case in cases if case.median_sec and case.status is CaseStatus.OK]
    if not ran:
        return None
    smallest = [
        min((case for case in ran if case.kind is kind), key=lambda case: case.bytes)
        for kind in dict.fromkeys(case.kind for case in ran)
    ]
    words = (f"{case.kind} {format_seconds(case.median_sec or 0)}" for case in smallest)
    most = max(case.bytes for case in smallest)
    return labelled("latency", f"of {format_bytes(most)}: {', '.join(words)}")


def pairs_table(found: Collectives, cases: Mapping[str, Case]) -> Grid | None:
    """Return the latency and the rate of each pair; None for more than MAX_PAIRS pairs."""
    if len(found.pairs) > MAX_PAIRS:
        return None
    headers = (found.parties, "link", "latency", "GB/s each way", "% link")
    rows = tuple(
        _pair_row(found, pair, [cases[name] for name in pair.cases if name in cases])
        for pair in found.pairs
        if pair.cases
    )
    return Grid(headers, rows, headers[2:], ("% link",))


def _pair_row(found: Collectives, pair: PairLink, cases: Sequence[Case]) -> tuple[str, ...]:
    by_size = sorted(cases, key=lambda case: case.bytes)
    rate = by_size[-1].gbs if by_size else None
    latency = by_size[0].median_sec if by_size else None
    share = rate / pair.link.gbs if rate and pair.link.gbs else None
    return (
        _names(found, (pair.first, pair.second)),
        pair.link.words,
        format_seconds(latency) if latency else "-",
        _gbs(rate),
        percent(share),
    )


def _names(found: Collectives, parties: Sequence[int]) -> str:
    if found.parties == "ranks":
        return " and ".join(map(str, parties))
    hosts = {place.node: place.host for place in found.ranks}
    return printable(" and ".join(f"{node} {hosts.get(node, '?')}" for node in parties))


def slow_lines(found: Collectives) -> list[str]:
    """Return a line for each rank, node or pair whose rate is far below that of its peers."""
    return [f"slow: {_slow(found, slow)}" for slow in found.slow]


def _slow(found: Collectives, slow: SlowLink) -> str:
    alone, share = len(slow.parties) == 1, percent(slow.share)
    word = _COUNTED[found.parties] if alone else found.parties
    reach = f"reaches {share} of its" if alone else f"reach {share} of their"
    details = [
        f"{place.device} at {place.gpu_address}"
        for place in found.ranks
        if found.parties == "ranks" and place.rank in slow.parties and place.gpu_address
    ]
    where = f" ({printable(', '.join(details))})" if details else ""
    return f"{word} {_names(found, slow.parties)}{where} {reach} peers' rate over {slow.link}"


def _gbs(rate: float | None) -> str:
    return "-" if rate is None else format_rate(rate)


def legend_lines(found: Collectives) -> list[str]:
    """Return lines that explain the columns."""
    link = found.link
    share = (
        f"of {_with_rate(link)}, the slowest link" if link else "no rate is known for these links"
    )
    return [
        labelled("bus GB/s", "busbw of nccl-tests, comparable with the rate of a link"),
        labelled("% link", share),
    ]


def scaling_table(points: Iterable[ScalingPoint]) -> Grid:
    """Return a table with a row for each number of ranks, in strong and in weak scaling."""
    rows = tuple(
        (
            point.kind,
            str(point.ranks),
            str(point.batch_size),
            "-" if point.median_step_sec is None else format_seconds(point.median_step_sec),
            percent(point.communication_share),
            percent(point.efficiency),
        )
        for point in points
    )
    headers = ("scaling", "ranks", "batch", "step", "communication", "efficiency")
    return Grid(headers, rows, numbers=headers[1:])
