"""Pages that are made from tables, and compared with them by `make lint`."""

from collections.abc import Iterable, Sequence
from pathlib import Path


def write(path: Path, text: str, command: str, arguments: Sequence[str]) -> str | None:
    """Write a page, or with --check return an error if it is out of date."""
    if "--check" not in arguments:
        path.write_text(text, encoding="utf-8")
    elif not path.exists() or path.read_text(encoding="utf-8") != text:
        return f"{path.name} is out of date: run `{command}`"
    return None


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    cells = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    lines = [head, ["---"] * len(head), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
