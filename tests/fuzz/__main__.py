"""Spoil valid inputs and read them: the only outcomes are success and the documented errors.

    make fuzz ARGS="--inputs 100000"

Inputs are shared among the readers. Each has its own seed, so that `--reader NAME --only NUMBER`
repeats one. An input with another outcome is kept in results/fuzz/, and the run ends with 1.
"""

import argparse
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random

from rich.console import Console
from rich.table import Table

from fuzz.readers import Reader, readers

BUG = "BUG"
KEPT = Path("results/fuzz")
# Of all inputs: a page takes a hundred times as long as a command line.
SHARES = {
    "record": 0.25,
    "pytest-benchmark": 0.25,
    "report": 0.05,
    "checkpoint": 0.2,
    "arguments": 0.25,
}


def fuzz(name: str, reader: Reader, folder: Path, numbers: range, seed: int) -> Counter[str]:
    """How many inputs ended how; those that should not have are kept."""
    outcomes: Counter[str] = Counter()
    path = folder / name / "input.json"
    path.parent.mkdir()
    for number in numbers:
        data = reader.spoil(Random(f"{seed} {name} {number}"))
        path.write_bytes(data)
        try:
            outcomes[reader.read(path)] += 1
        except Exception:
            KEPT.mkdir(parents=True, exist_ok=True)
            kept = KEPT / f"{name}-{seed}-{number}"
            kept.write_bytes(data)
            kept.with_name(f"{kept.name}.txt").write_text(traceback.format_exc())
            outcomes[BUG] += 1
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", choices=SHARES)
    parser.add_argument("--only", type=int, help="the number of one input, with --reader")
    arguments = parser.parse_args()
    bugs = 0
    table = Table("reader", "inputs", "seconds", "outcomes")
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        for name, reader in readers(folder).items():
            if arguments.reader not in (None, name):
                continue
            share = 1.0 if arguments.reader else SHARES[name]
            numbers = range(round(arguments.inputs * share))
            if arguments.only is not None:
                numbers = range(arguments.only, arguments.only + 1)
            started = time.monotonic()
            outcomes = fuzz(name, reader, folder, numbers, arguments.seed)
            words = "\n".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
            taken = f"{time.monotonic() - started:.0f}"
            table.add_row(name, str(outcomes.total()), taken, words)
            bugs += outcomes[BUG]
    Console().print(table)
    if bugs:
        print(f"fuzz: {bugs} inputs had another outcome: see {KEPT}", file=sys.stderr)
    return 1 if bugs else 0


if __name__ == "__main__":
    sys.exit(main())
