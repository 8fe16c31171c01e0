"""Actions and a help formatter for argparse."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any


class Renamed(argparse.Action):
    """An action that stores the value under the option's new name and prints a warning."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Store `values` under the new name of the option."""
        sys.stderr.write(f"{parser.prog}: {option_string} is now called --{self.dest}\n")
        setattr(namespace, self.dest, values)


class Distinct(argparse.Action):
    """An action that stores the values of all arguments as one tuple without duplicates."""

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        _option: str | None = None,
    ) -> None:
        """Store the distinct values of all lists in `values`, in the given order."""
        distinct = dict.fromkeys(value for group in values or () for value in group)
        setattr(namespace, self.dest, tuple(distinct))


class DefaultsFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """A help formatter that shows defaults, except None and False.

    None stands for a default that depends on the device, the preset or a flag.
    """

    def _get_help_string(self, action: argparse.Action) -> str | None:
        hidden = action.default is None or action.default is False
        return action.help if hidden else super()._get_help_string(action)
