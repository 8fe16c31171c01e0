"""Options of pytest-xdist, which the project's command lines have, where it is not installed."""

import pytest

# pytest-benchmark keeps no times unless `dist` says "no".
IGNORED = {"--numprocesses": None, "--maxprocesses": None, "--dist": "no"}


def add_options(group: pytest.OptionGroup) -> None:
    """Accept the options and ignore them."""
    for option, default in IGNORED.items():
        group.addoption(option, default=default, help="ignored: pytest-xdist is not installed")
