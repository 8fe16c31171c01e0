"""Parse the command line without importing torch. Each error is printed in one line."""

import argparse
import contextlib
import sys
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, NoReturn

from workload import __version__
from workload.cli.actions import DefaultsFormatter
from workload.cli.options import ALL, ExplainOptions, Options
from workload.cli.parsers import COMMANDS, DEEP_BUDGET_SEC, TABLE
from workload.core.descriptors import LOST, loss
from workload.core.errors import ExitCode
from workload.core.train_spec import RANK_MODE_NAMES
from workload.core.units import printable

_DESCRIPTION = (
    "Check that a machine's GPU stack works and computes correct results, and measure its speed."
)


class Parser(argparse.ArgumentParser):
    """An argument parser that prints each error in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Print `message` in one line and exit with BAD_INPUT."""
        line = printable(" ".join(message.split()))
        self.exit(ExitCode.BAD_INPUT, f"{self.prog}: {line}; see `{self.prog} --help`\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print `message`; ignore OSError, as newer Pythons do. `exit` reports lost output."""
        with contextlib.suppress(OSError):
            super()._print_message(message, file)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Exit with `status`, or with NOT_SAVED if the help or the version was not written."""
        reason = None if status else loss(sys.stdout, "")
        if reason:
            status, message = ExitCode.NOT_SAVED, f"{self.prog}: {LOST}: {reason}\n"
        super().exit(status, message)


def parse(argv: Sequence[str]) -> Options:
    """Parse the options of one command. If they are invalid, print why and exit with BAD_INPUT."""
    parser = Parser(prog="workload", allow_abbrev=False, description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"workload {__version__}")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", title="commands"
    )
    for name, (add, summary) in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=summary,
            description=summary,
            allow_abbrev=False,
            formatter_class=DefaultsFormatter,
        )
        add(command)
        command.add_argument(
            "--json", action="store_true", help="print one JSON document on stdout, text on stderr"
        )
    namespace, rest = parser.parse_known_args(argv)
    command = commands.choices[namespace.command]
    if rest:
        command.error(f"unrecognized arguments: {' '.join(rest)}")
    problem = _contradiction(namespace, parser.parse_args(["doctor"]))
    problem = problem or _contradiction_of_devices(namespace)
    if problem:
        command.error(problem)
    return _options(namespace)


def _contradiction(given: argparse.Namespace, doctor: argparse.Namespace) -> str | None:
    """Return why options contradict each other; None if they do not.

    `doctor` has the default options of `workload doctor`.
    """
    match given.command:
        case "doctor" if given.explain:
            return _contradiction_of_explain(given, doctor)
        case "doctor" if given.budget is not None and not given.deep:
            return "--budget is for --deep: give both"
        case "compare" if given.json and given.format not in (TABLE, "json"):
            return f"--json and --format {given.format} contradict each other: choose one"
        case "compare" if given.strict and given.fail_if_slower is None:
            return "--strict makes --fail-if-slower stricter: give --fail-if-slower SHARE too"
        case "collectives" | "train":
            return _contradiction_of_work(given) or _contradiction_of_ranks(given)
    return None


def _contradiction_of_explain(given: argparse.Namespace, doctor: argparse.Namespace) -> str | None:
    """Return why `doctor explain [ID]` is not valid with these arguments, or None."""
    if given.explain[0] != "explain" or given.explain[2:]:
        words = " ".join(given.explain)
        return f"unexpected arguments {words!r}: use `explain` or `explain ID`"
    names = [name for name, value in vars(doctor).items() if getattr(given, name) != value]
    options = ", ".join(
        f"--{name.replace('_', '-')}" for name in names if name not in ("explain", "json")
    )
    return f"explain runs no checks: leave {options} out" if options else None


def _contradiction_of_work(given: argparse.Namespace) -> str | None:
    """Return why options of `collectives` or `train` contradict each other, or None."""
    if given.command == "collectives":
        alone = given.pairs and given.dtypes
        return "--pairs sends only float32: leave --dtypes out" if alone else None
    if given.resume and given.checkpoint is None:
        return "--resume needs --checkpoint FILE, the file to resume from"
    if given.ranks and given.mode not in (None, *RANK_MODE_NAMES):
        return f"--mode {given.mode} runs on one rank: for several, choose all-reduce or ddp"
    return None


def _contradiction_of_ranks(given: argparse.Namespace) -> str | None:
    """Return why ranks cannot be started with these options, or None."""
    unused = {"nodes": 1, "rendezvous": None, "join_timeout": None, "max_restarts": 0}
    for name, value in unused.items():
        if given.ranks is None and getattr(given, name) != value:
            return f"--{name.replace('_', '-')} needs --ranks N, the number of ranks on this node"
    if given.nodes > 1 and given.rendezvous is None:
        return f"--nodes {given.nodes} needs --rendezvous HOST:PORT, where the nodes meet"
    return None


def _contradiction_of_devices(given: argparse.Namespace) -> str | None:
    """Return why options of `run` or `doctor` contradict --ranks or --device all, or None."""
    if given.command not in ("run", "doctor"):
        return None
    if given.ranks is not None and given.device != "cpu":
        return (
            "--ranks divides the CPUs: give --device cpu too; for every GPU, give only --device all"
        )
    if given.command == "run" or (given.ranks is None and given.device != ALL):
        return None
    if not given.deep:
        several = "--device all" if given.ranks is None else "--ranks"
        return f"{several} needs --deep: without it one process checks the whole machine"
    if given.bundle or given.facts:
        return "--bundle and --facts are for one process: leave --ranks and --device all out"
    return None


def _options(given: argparse.Namespace) -> Options:
    """Create the options of the command; each field is set from the argument of the same name."""
    kind: type[Options] = given.options
    match given.command:
        case "doctor":
            given.budget = given.budget or DEEP_BUDGET_SEC
            if given.explain:
                kind, given.id = ExplainOptions, (*given.explain[1:], None)[0]
        case "compare":
            given.json = given.json or given.format == "json"
    return kind(**{field.name: getattr(given, field.name) for field in fields(kind)})
