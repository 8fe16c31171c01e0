"""Add the options of each command to its argparse parser."""

import argparse
from collections.abc import Callable
from pathlib import Path

from workload.cli import actions, option_types, shared_options
from workload.cli.options import (
    CollectivesOptions,
    CompareOptions,
    DoctorOptions,
    MatmulOptions,
    ReportOptions,
    RunOptions,
    TrainOptions,
    VerifyOptions,
)
from workload.core.train_spec import MODE_NAMES, PRESETS, RANK_MODE_NAMES

RESULTS = Path("results")
DEEP_BUDGET_SEC = 120.0
TABLE = "table"
FORMATS = (TABLE, "markdown", "html", "json")


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(options=RunOptions)
    shared_options.add_devices(parser)
    shared_options.add_budget(parser)
    shared_options.add_cases(parser)
    shared_options.add_output(parser, RESULTS)


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(options=TrainOptions)
    shared_options.add_device(parser)
    parser.add_argument(
        "--preset",
        choices=sorted(PRESETS),
        default="book",
        help="network and training settings; the options below override them",
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument(
        "--mode",
        choices=(*MODE_NAMES, *RANK_MODE_NAMES),
        help="how to run a step (default: eager, the plain PyTorch loop); auto selects the fastest "
        "with the same arithmetic as eager; with several ranks: all-reduce (default) or ddp",
    )
    mode.add_argument(
        "--engine",  # the old name of --mode, to be removed in 0.3
        dest="mode",
        action=actions.Renamed,
        choices=MODE_NAMES,
        default=argparse.SUPPRESS,
        help=argparse.SUPPRESS,
    )
    for name in ("batch-size", "input-size", "hidden-size", "output-size", "steps"):
        parser.add_argument(
            f"--{name}", type=option_types.size, metavar="N", help=argparse.SUPPRESS
        )
    parser.add_argument_group(
        "sizes", "--batch-size --input-size --hidden-size --output-size --steps N"
    )
    parser.add_argument(
        "--learning-rate", type=option_types.positive, metavar="RATE", help="step size"
    )
    parser.add_argument(
        "--seed", type=option_types.seed, metavar="N", help="seed of the data and the weights"
    )
    parser.add_argument("--dtype", type=option_types.dtype, help=option_types.DTYPE_NAMES)
    parser.add_argument(
        "--checkpoint", type=option_types.path, metavar="FILE", help="save the state to this file"
    )
    parser.add_argument(
        "--checkpoint-every",
        type=option_types.size,
        metavar="N",
        default=100,
        help="steps between saves",
    )
    parser.add_argument("--resume", action="store_true", help="continue from --checkpoint")
    parser.add_argument(
        "--threads",
        type=option_types.size,
        metavar="N",
        help="CPU threads (default: chosen from the sizes; with --resume: as in the checkpoint)",
    )
    shared_options.add_ranks(parser)
    parser.add_argument(
        "--scaling",
        action="store_true",
        help="with several ranks: also measure strong and weak scaling on 1, 2, 4... ranks",
    )
    shared_options.add_output(parser, None)


def _add_matmul(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(options=MatmulOptions)
    shared_options.add_device(parser)
    shared_options.add_budget(parser)
    shared_options.add_cases(parser)
    parser.add_argument(
        "--search",
        action="store_true",
        help="first search for the fastest shape; its rate is the ceiling of the other cases",
    )
    shared_options.add_output(parser, None)


def _add_collectives(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(options=CollectivesOptions)
    shared_options.add_device(parser)
    shared_options.add_budget(parser)
    shared_options.add_values(
        parser,
        "--sizes",
        option_types.byte_size,
        "size of the whole array in bytes, or 64K, 16M, 1G",
    )
    shared_options.add_values(
        parser,
        "--dtypes",
        option_types.sent_dtype,
        "dtypes of each operation (default: float32; for sums also bfloat16)",
    )
    parser.add_argument(
        "--pairs",
        action="store_true",
        help="only send and receive between all pairs of nodes, to find a slow node or link",
    )
    shared_options.add_ranks(parser)
    shared_options.add_output(parser, None)


def _add_verify(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(options=VerifyOptions)
    shared_options.add_device(parser)
    shared_options.add_dtypes(parser)
    parser.add_argument("--verbose", action="store_true", help="show every comparison")
    shared_options.add_output(parser, None)


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(options=DoctorOptions)
    parser.usage = "%(prog)s [options]\n       %(prog)s explain [ID]"
    parser.add_argument(
        "explain",
        nargs="*",
        metavar="explain [ID]",
        help="explain a check, or list all checks",
    )
    depth = parser.add_mutually_exclusive_group()
    depth.add_argument(
        "--quick",
        action="store_true",
        help="only read files and query the driver, without PyTorch; takes under 1 s",
    )
    depth.add_argument(
        "--deep",
        action="store_true",
        help="also run a stress test: matmuls and memory, every result checked",
    )
    parser.add_argument(
        "--budget",
        type=option_types.positive,
        metavar="SECONDS",
        help=f"about how long --deep may take (default: {DEEP_BUDGET_SEC:.0f})",
    )
    parser.add_argument("--strict", action="store_true", help="treat unknown results as failures")
    parser.add_argument("--facts", action="store_true", help="print the facts about this machine")
    parser.add_argument(
        "--bundle",
        type=option_types.path,
        metavar="FILE",
        help="write a .tar.gz for a bug report; user and machine names and secrets are removed",
    )
    shared_options.add_devices(parser)
    shared_options.add_output(parser, None)


def _add_compare(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(options=CompareOptions)
    for name, whose in (("baseline", "the CPU's"), ("candidate", "the GPU's")):
        parser.add_argument(
            name,
            type=option_types.path,
            metavar=name.upper(),
            help="a record, a pytest-benchmark file or a folder of these, for example "
            f"{whose} results",
        )
    parser.add_argument(
        "--format", choices=FORMATS, default=FORMATS[0], help="format of the comparison on stdout"
    )
    parser.add_argument(
        "--fail-if-slower",
        type=option_types.share,
        metavar="SHARE",
        help="exit with 5 if the whole 95%% interval of a case is slower by more than this share "
        "(for example 5%% or 0.05), with 4 if no case can be judged",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="with --fail-if-slower: also exit with 5 if a case cannot be judged",
    )


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(options=ReportOptions)
    parser.add_argument(
        "results",
        type=option_types.path,
        nargs="?",
        default=RESULTS,
        metavar="DIR",
        help="folder with the records",
    )
    parser.add_argument(
        "--output",
        dest="page",  # in other commands, `output` is the folder of the record
        type=option_types.path,
        metavar="FILE",
        help="page to write (default: report.html in DIR)",
    )


COMMANDS: dict[str, tuple[Callable[[argparse.ArgumentParser], None], str]] = {
    "run": (_add_run, "run doctor, verify, train and matmul; end with a verdict and a record"),
    "doctor": (_add_doctor, "check whether PyTorch works on this machine"),
    "verify": (_add_verify, "compare the device's results with float64 on the CPU"),
    "train": (_add_train, "train the example network"),
    "matmul": (_add_matmul, "measure GFLOP/s of matmuls"),
    "collectives": (_add_collectives, "check and measure communication between ranks"),
    "compare": (_add_compare, "compare two records, case by case"),
    "report": (_add_report, "write the records of a folder as one HTML page"),
}
