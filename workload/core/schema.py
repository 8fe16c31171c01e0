"""Generate the JSON schema of a record: `python -m workload.core.schema [--check]`."""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from workload.core.files import write_atomically
from workload.core.models.record import Record

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FILE = Path(__file__).with_name("record.schema.json")
COMMAND = "python -m workload.core.schema"


def schema() -> dict[str, Any]:
    """Return the JSON schema of a record."""
    return {"$schema": DIALECT, **msgspec.json.schema(Record)}


def text() -> str:
    """Return the content of the schema's file."""
    return json.dumps(schema(), indent=1) + "\n"


def main(arguments: list[str]) -> str | None:
    """Write the schema's file; with --check, return an error if the file is out of date."""
    if "--check" not in arguments:
        write_atomically(FILE, text().encode())
    elif FILE.read_text(encoding="utf-8") != text():
        return f"{FILE.name} does not match the models: run `{COMMAND}`"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
