"""Command lines whose errors are one line."""

import argparse
from typing import NoReturn

from workload.core.errors import BadInputError


class Parser(argparse.ArgumentParser):
    """Raises BadInputError, where argparse prints its usage and exits."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise BadInputError(f"{message}; --help lists the options")
