"""Folders of files that a test makes up."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path


def write(root: Path, path: str, text: str = "") -> None:
    """Write a file below `root`, with its folders."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def toml(name: str, rows: Iterable[Mapping[str, object]]) -> str:
    """Return an array of tables, whose values JSON's syntax writes as TOML."""
    tables = ("\n".join(f"{key} = {json.dumps(row[key])}" for key in row) for row in rows)
    return "".join(f"[[{name}]]\n{table}\n" for table in tables)
