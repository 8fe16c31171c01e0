"""What the command line accepts. Every refusal is one line; torch is not needed."""

import argparse
import math
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from workload import __version__
from workload.core.cases import COLD, WARM
from workload.core.errors import ExitCode
from workload.core.train_spec import MODE_NAMES, PRESETS
from workload.core.units import DTYPE_BYTES

MAX_SIZE = 2**31 - 1  # BLAS counts in 32-bit integers
MAX_SEED = 2**63 - 1
RESULTS = Path("results")
DEEP_BUDGET_SEC = 120.0
FORMATS = ("table", "markdown", "html", "json")


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        """Exit with BAD_INPUT."""
        line = " ".join(message.split())
        self.exit(ExitCode.BAD_INPUT, f"{self.prog}: {line}; see `{self.prog} --help`\n")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments of one command. Exits with BAD_INPUT and one line if they are wrong."""
    parser = Parser(prog="workload", allow_abbrev=False, description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"workload {__version__}")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", title="commands"
    )
    for name, (add, summary) in _COMMANDS.items():
        command = commands.add_parser(
            name, help=summary, description=summary, allow_abbrev=False, formatter_class=_Formatter
        )
        add(command)
        command.add_argument(
            "--json", action="store_true", help="one JSON document on stdout, words on stderr"
        )
    arguments, rest = parser.parse_known_args(argv)
    if rest:
        commands.choices[arguments.command].error(f"unrecognized arguments: {' '.join(rest)}")
    for name in ("sizes", "dtypes"):
        if hasattr(arguments, name):
            setattr(arguments, name, _flattened(getattr(arguments, name)))
    if hasattr(arguments, "deep"):
        if arguments.budget is not None and not arguments.deep:
            parser.error("--budget is that of --deep: give both")
        arguments.budget = arguments.budget or DEEP_BUDGET_SEC
    wanted = getattr(arguments, "format", FORMATS[0])
    if arguments.json and wanted not in (FORMATS[0], "json"):
        parser.error(f"--json and --format {wanted} contradict: choose one")
    arguments.json = arguments.json or wanted == "json"
    arguments.document = arguments.json or wanted != FORMATS[0]  # on stdout, all words on stderr
    return arguments


_DESCRIPTION = "Is this machine's GPU stack right, are its numbers right, and how fast is it?"


class _Formatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows the defaults that are values, not the many that depend on device or preset."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None else super()._get_help_string(action)


class _Renamed(argparse.Action):
    """Stores the value; warns in one line where an option is called by its old name."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Store `values` under the option's new name."""
        name = self.option_strings[0]
        if option_string != name:
            sys.stderr.write(f"{parser.prog}: {option_string} is now called {name}\n")
        setattr(namespace, self.dest, values)


def _add_run(parser: argparse.ArgumentParser) -> None:
    _add_device(parser)
    _add_budget(parser)
    _add_cases(parser)
    _add_output(parser, RESULTS)


def _add_train(parser: argparse.ArgumentParser) -> None:
    _add_device(parser)
    parser.add_argument(
        "--preset", choices=sorted(PRESETS), default="book", help="what the options below replace"
    )
    parser.add_argument(
        "--mode",
        "--mode",  # its name until 0.2; removed in 0.3
        action=_Renamed,
        choices=MODE_NAMES,
        default="eager",
        help="how the steps are done; eager is the chapter's loop, auto the fastest that does "
        "its arithmetic",
    )
    for name in ("batch-size", "input-size", "hidden-size", "output-size", "steps"):
        parser.add_argument(f"--{name}", type=size, metavar="N", help=argparse.SUPPRESS)
    parser.add_argument_group(
        "sizes", "--batch-size --input-size --hidden-size --output-size --steps N"
    )
    parser.add_argument("--learning-rate", type=positive, metavar="RATE", help="step length")
    parser.add_argument("--seed", type=seed, metavar="N", help="of the data and the weights")
    parser.add_argument("--dtype", type=dtype, help=_DTYPE_HELP)
    parser.add_argument("--checkpoint", type=path, metavar="FILE", help="save the state here")
    parser.add_argument(
        "--checkpoint-every", type=size, metavar="N", default=100, help="steps between saves"
    )
    parser.add_argument("--resume", action="store_true", help="continue from --checkpoint")
    _add_output(parser, None)


def _add_matmul(parser: argparse.ArgumentParser) -> None:
    _add_device(parser)
    _add_budget(parser)
    _add_cases(parser)
    parser.add_argument(
        "--search",
        action="store_true",
        help="seek the fastest shape first; it is the ceiling of what follows",
    )
    _add_output(parser, None)


def _add_verify(parser: argparse.ArgumentParser) -> None:
    _add_device(parser)
    _add_dtypes(parser)
    _add_output(parser, None)


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.usage = "%(prog)s [options]\n       %(prog)s explain [ID]"
    parser.add_argument(
        "explain", nargs="*", action=_Explain, metavar="explain [ID]", help="what a check is about"
    )
    depth = parser.add_mutually_exclusive_group()
    depth.add_argument(
        "--quick", action="store_true", help="files and driver only, without PyTorch: under 1 s"
    )
    depth.add_argument(
        "--deep",
        action="store_true",
        help="burn the device in too: products and memory, every result checked",
    )
    parser.add_argument(
        "--budget",
        type=positive,
        metavar="SECONDS",
        help=f"about how long --deep may take (default: {DEEP_BUDGET_SEC:.0f})",
    )
    parser.add_argument(
        "--strict", action="store_true", help="what could not be told is a failure too"
    )
    parser.add_argument(
        "--bundle",
        type=path,
        metavar="FILE",
        help="all that a colleague needs, as one .tar.gz without names and secrets",
    )
    _add_device(parser)
    _add_output(parser, None)


class _Explain(argparse.Action):
    """`explain` or `explain ID`; the argument becomes the list of ids, None without the word."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        _option: str | None = None,
    ) -> None:
        words = list(values) if isinstance(values, list) else []
        if words and (words[0] != "explain" or len(words) > 2):  # noqa: PLR2004  the word and an id
            parser.error(f"unknown words {' '.join(words)!r}: use `explain` or `explain ID`")
        namespace.explain = words[1:] if words else None


def _add_compare(parser: argparse.ArgumentParser) -> None:
    for name, whose in (("a", "the CPU's"), ("b", "the GPU's")):
        parser.add_argument(
            name,
            type=path,
            metavar=name.upper(),
            help=f"a record, a pytest-benchmark file or a folder of these, for example {whose}",
        )
    parser.add_argument(
        "--format", choices=FORMATS, default=FORMATS[0], help="of the document on stdout"
    )
    parser.add_argument(
        "--fail-if-slower",
        type=share,
        metavar="SHARE",
        help="exit with 5 if a case of B is slower than A's by more, as 5%% or 0.05, beyond doubt",
    )


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "results",
        type=path,
        nargs="?",
        default=RESULTS,
        metavar="DIR",
        help="the folder that holds the records",
    )
    parser.add_argument(
        "--output",
        dest="page",  # `output` is where a command's own record goes
        type=path,
        metavar="FILE",
        help="the page to write (default: report.html in that folder)",
    )


_COMMANDS = {
    "run": (_add_run, "the main job: doctor, verify, train and matmul, a verdict and a record"),
    "doctor": (_add_doctor, "the facts about this machine, and what is wrong with it"),
    "verify": (_add_verify, "compare what the device computes with float64 on the CPU"),
    "train": (_add_train, "the chapter's training loop"),
    "matmul": (_add_matmul, "GFLOP/s of matrix products"),
    "compare": (_add_compare, "how do two sides differ, case by case?"),
    "report": (_add_report, "the records of a folder as one HTML page"),
}
_DTYPE_HELP = ", ".join(DTYPE_BYTES)


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--device",
        type=device,
        default="auto",
        help="auto, cpu, cuda or cuda:N; cuda never falls back",
    )


def _add_budget(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--budget",
        type=positive,
        default=60.0,
        metavar="SECONDS",
        help="about how long it may take",
    )


def _add_cases(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--sizes", type=sizes, nargs="+", metavar="SIZE", help="4096 for a square, or MxKxN"
    )
    parser.add_argument(
        "--cache",
        choices=(WARM, COLD),
        default=WARM,
        help="cold: flush the caches before each product",
    )
    _add_dtypes(parser)


def _add_dtypes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dtypes", type=dtypes, nargs="+", metavar="DTYPE", help=_DTYPE_HELP)


def _add_output(parser: argparse.ArgumentParser, default: Path | None) -> None:
    parser.add_argument(
        "--output", type=path, default=default, metavar="DIR", help="where the record is written"
    )


def path(text: str) -> Path:
    """A path that names something: an empty one would mean the current folder."""
    if text:
        return Path(text)
    raise argparse.ArgumentTypeError("an empty path: name a file or a folder")


def device(text: str) -> str:
    """auto, cpu, cuda or cuda:N."""
    if re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,4})?", text):
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is no device: use auto, cpu, cuda or cuda:N")


def size(text: str) -> int:
    """A whole number from 1 to MAX_SIZE."""
    if re.fullmatch(r"[0-9]{1,15}", text) and 1 <= int(text) <= MAX_SIZE:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MAX_SIZE}")


def seed(text: str) -> int:
    """A whole number from 0 to MAX_SEED."""
    if re.fullmatch(r"[0-9]{1,19}", text) and int(text) <= MAX_SEED:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {MAX_SEED}")


def positive(text: str) -> float:
    """A finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isfinite(value) and value > 0:
        return value
    raise argparse.ArgumentTypeError(f"{text!r} is not a finite number above 0")


def share(text: str) -> float:
    """A part of a whole, as `5%` or `0.05`: above 0, below 1."""
    match = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)(%?)", text)
    value = float(match[1]) / (100 if match[2] else 1) if match else 0.0
    if 0 < value < 1:
        return value
    raise argparse.ArgumentTypeError(f"{text!r} is no share of the whole: use 5% or 0.05")


def sizes(text: str) -> list[tuple[int, int, int]]:
    """Sizes separated by commas, each `4096` or `MxKxN`, as (m, k, n)."""
    return [_shape(word) for word in text.split(",")]


def _shape(text: str) -> tuple[int, int, int]:
    edges = [size(edge) for edge in text.split("x")]
    if len(edges) == 1:
        edges *= 3
    if len(edges) != 3:  # noqa: PLR2004  m, k and n
        raise argparse.ArgumentTypeError(f"{text!r} is no size: use 4096, or MxKxN")
    return edges[0], edges[1], edges[2]


def dtype(text: str) -> str:
    """The name of a dtype."""
    if text in DTYPE_BYTES:
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is no dtype: use one of {_DTYPE_HELP}")


def dtypes(text: str) -> list[str]:
    """Names of dtypes separated by commas."""
    return [dtype(word) for word in text.split(",")]


def _flattened(groups: list[list[object]] | None) -> list[object] | None:
    """Each value once, in the order given; None if the option was not."""
    if groups is None:
        return None
    return list(dict.fromkeys(value for group in groups for value in group))
