"""The README matches the code."""

import re
from pathlib import Path

from workload.core.errors import ExitCode

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()


def test_every_exit_code_is_in_the_readme() -> None:
    rows = re.findall(r"^\| ([0-9, ]+) \|", README, flags=re.MULTILINE)
    listed = {int(code) for row in rows for code in row.split(",")}
    assert listed == {int(code) for code in ExitCode}


def test_the_readme_is_one_page() -> None:
    assert len(README.splitlines()) <= 150
    assert len(README.split()) <= 1400


def test_nothing_in_the_readme_waits_to_be_filled_in() -> None:
    assert re.findall(r"@[A-Z]+@|TODO|TBD", README) == []
