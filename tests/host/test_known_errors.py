"""docker/host/known-errors: the tables of messages of the engine and the driver."""

import re
from pathlib import Path

import pytest
from support.fakes.host import CHECKOUT
from support.fakes.machine import IDS, rows

TABLES = sorted((CHECKOUT / "docker/host/known-errors").iterdir())
TESTED = [row["line"] for name in ("faults", "refusals") for row in rows(name)]

every_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: str(table.name))


def parts(table: Path) -> list[list[tuple[str, str]]]:
    """The rows, each as its lines: keyword and text."""
    text = "\n".join(line for line in table.read_text().splitlines() if not line.startswith("#"))
    blocks = [block.splitlines() for block in text.strip().split("\n\n")]
    return [[(line.partition(" ")[0], line.partition(" ")[2]) for line in b] for b in blocks]


@every_table
def test_a_row_has_patterns_then_what_was_found_then_what_to_do(table: Path) -> None:
    ids = "id " if table.name != "docker" else ""
    for row in parts(table):
        words = "".join(f"{keyword} " for keyword, _ in row)
        assert re.fullmatch(f"(if )+{ids}found next (run )*", words), row
        assert dict(row).get("id", "other") in [*IDS, "other"]


@every_table
def test_every_row_is_tested(table: Path) -> None:
    for row in parts(table):
        found = dict(row)["found"]
        pattern = ".+".join(map(re.escape, re.split(r"\{\w+\}", found)))
        assert [line for line in TESTED if re.search(pattern, line)], found
