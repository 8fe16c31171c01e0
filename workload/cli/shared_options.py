"""Add the options that several commands share to an argparse parser."""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

from workload.cli import actions, option_types
from workload.core.methods import COLD, WARM
from workload.distributed.limits import JOIN_AGAIN_SEC, JOIN_SEC

# Without persistence mode, a healthy host takes one to three seconds for each GPU.
DRIVER_SEC = 120.0


def add_device(
    parser: argparse.ArgumentParser,
    kind: Callable[[str], str] = option_types.device,
    words: str = "auto, cpu, cuda or cuda:N; cuda never falls back to the CPU",
) -> None:
    """Add --device and --driver-timeout."""
    parser.add_argument("--device", type=kind, default="auto", help=words)
    parser.add_argument(
        "--driver-timeout",
        type=option_types.timeout,
        default=DRIVER_SEC,
        metavar="SECONDS",
        help="how long to wait for the NVIDIA driver or a GPU to answer",
    )


def add_devices(parser: argparse.ArgumentParser) -> None:
    """Add --device (which also accepts `all`), --driver-timeout, --ranks and --rank-timeout."""
    add_device(parser, option_types.devices, "auto, cpu, cuda, cuda:N, or all: every GPU at once")
    parser.add_argument(
        "--ranks",
        type=option_types.ranks,
        metavar="N",
        help="with --device cpu: start N processes, each with its share of the CPUs",
    )
    parser.add_argument(
        "--rank-timeout",
        type=option_types.timeout,
        metavar="SECONDS",
        help="with several processes: kill one that makes no progress for this long "
        "(default: 1.5 times --driver-timeout, or the budget if that is longer)",
    )


def add_ranks(parser: argparse.ArgumentParser) -> None:
    """Add the options that start ranks."""
    group = parser.add_argument_group(
        "ranks",
        "processes that work together; torchrun, srun or a Kubernetes Indexed Job can start them "
        "too",
    )
    group.add_argument(
        "--ranks",
        type=option_types.ranks,
        metavar="N",
        help="start N ranks on this node, one per GPU",
    )
    group.add_argument(
        "--nodes",
        type=option_types.ranks,
        metavar="N",
        default=1,
        help="number of nodes on which this command is started",
    )
    group.add_argument(
        "--rendezvous",
        type=option_types.address,
        metavar="HOST:PORT",
        help="where the nodes connect to each other: a free port on one of them",
    )
    group.add_argument(
        "--join-timeout",
        type=option_types.timeout,
        metavar="SECONDS",
        help=f"how long nodes wait for each other (default: {JOIN_SEC}; "
        f"{JOIN_AGAIN_SEC} with --max-restarts)",
    )
    group.add_argument(
        "--max-restarts",
        type=option_types.count,
        metavar="N",
        default=0,
        help="how many times to restart the ranks after one fails",
    )


def add_budget(parser: argparse.ArgumentParser) -> None:
    """Add --budget."""
    parser.add_argument(
        "--budget",
        type=option_types.positive,
        default=60.0,
        metavar="SECONDS",
        help="time for the benchmarks; in `run` it includes the doctor, verify and training",
    )


def add_cases(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose matmuls."""
    add_values(
        parser, "--sizes", option_types.shape, "matmul sizes: 4096 for square matrices, or MxKxN"
    )
    parser.add_argument(
        "--cache",
        choices=(WARM, COLD),
        default=WARM,
        help="cold: flush the caches before each matmul",
    )
    add_dtypes(parser)


def add_dtypes(parser: argparse.ArgumentParser) -> None:
    """Add --dtypes."""
    add_values(parser, "--dtypes", option_types.dtype, option_types.DTYPE_NAMES)


def add_values(
    parser: argparse.ArgumentParser, option: str, kind: Callable[[str], object], words: str
) -> None:
    """Add an option that takes one or more values, parsed by `kind`, and drops duplicates."""
    metavar = option.removeprefix("--").removesuffix("s").upper()
    parser.add_argument(
        option,
        type=partial(option_types.several, kind),
        action=actions.Distinct,
        nargs="+",
        metavar=metavar,
        help=words,
    )


def add_output(parser: argparse.ArgumentParser, default: Path | None) -> None:
    """Add --output with this default."""
    parser.add_argument(
        "--output",
        type=option_types.path,
        default=default,
        metavar="DIR",
        help="directory to write the record to",
    )
