#!/usr/bin/env python3
"""Find banned words in file names and texts. Usage: .ci/check_words.py [--count] [FILE]...

.ci/banned-words.txt has the words; without FILE all files of the repository are checked, except
generated and recorded ones. --count prints only how many each file has. Exit 1: a word was found.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORDS = ROOT / ".ci/banned-words.txt"
# The list and its test; old names in the changelog; licenses, locks and records, which are no prose
# of this project.
UNCHECKED = re.compile(
    r"\.ci/banned-words\.txt|tests/host/test_check_words\.py|CHANGELOG\.md|LICENSE"
    r"|docker/locks/.*\.txt|.*\.json"
)


@dataclass(frozen=True)
class Entry:
    """What to write instead of a word, and where the word may stand."""

    instead: str
    allowed_in: str | None

    def applies(self, path: str) -> bool:
        """Return whether the word is banned in this file."""
        allowed = self.allowed_in and path.startswith(self.allowed_in)
        return self.instead != "allowed" and not allowed


def entries(text: str) -> dict[str, Entry]:
    """Return the entry of each banned word or phrase."""
    found: dict[str, Entry] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            words, _, rest = line.partition(" => ")
            instead, _, allowed_in = rest.partition("; except ")
            entry = Entry(instead, allowed_in or None)
            found |= dict.fromkeys((word.strip().lower() for word in words.split("|")), entry)
    return found


def findings(path: str, text: str, banned: dict[str, Entry]) -> Iterator[str]:
    """Yield one line for each banned word in a file's name or text."""
    phrases = "|".join(re.escape(word) for word in sorted(banned, key=len, reverse=True))
    pattern = re.compile(rf"(?<![a-z])(?:{phrases})(?![a-z])", re.IGNORECASE)
    lines = [(path, path), *((f"{path}:{n}", one) for n, one in enumerate(text.splitlines(), 1))]
    for place, line in lines:
        for match in pattern.finditer(line):
            entry = banned[match[0].lower()]
            if entry.applies(path):
                yield f"{place}: {match[0]} (write: {entry.instead})"


def tracked() -> list[str]:
    """Return the names of all files that are checked."""
    listed = subprocess.run(
        ["git", "ls-files"],  # noqa: S607  the one on PATH
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = [name for name in listed.stdout.splitlines() if not UNCHECKED.fullmatch(name)]
    return [name for name in names if (ROOT / name).is_file()]  # not what was deleted just now


def main(*arguments: str) -> int:
    """Print the findings, or how many there are by file; return the exit code."""
    banned = entries(WORDS.read_text())
    names = [name for name in arguments if name != "--count"] or tracked()
    found = {name: [*findings(name, (ROOT / name).read_text(), banned)] for name in names}
    for name, lines in found.items():
        counted = [f"{len(lines):5} {name}"] if lines else []
        printed = counted if "--count" in arguments else lines
        sys.stdout.writelines(f"{line}\n" for line in printed)
    return 1 if any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
