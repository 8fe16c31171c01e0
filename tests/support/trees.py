"""Folders of files that a test makes up."""

from pathlib import Path


def write(root: Path, path: str, text: str = "") -> None:
    """Write a file below `root`, with its folders."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)
