"""Read what a proof left, wherever it ran: one Markdown page. Usage: read.py FILE [--place]

FILE is the folder of a proof or its archive, which is refused unless it is one. --place copies the
records of a real GPU to their places in this checkout; look at `git status` then.
"""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[2])  # tests, for tools; not this folder
sys.path.append(str(Path(__file__).parents[3]))  # workload, where it is not installed

from tools.gpu_proof import archive, places
from tools.gpu_proof.arguments import Parser
from tools.gpu_proof.page import page
from tools.gpu_proof.plan import ROOT
from tools.gpu_proof.proof import accept_any_text, print_line
from tools.gpu_proof.reading import Reading, read

from workload.core.errors import BadInputError, ExitCode
from workload.core.files import read_text
from workload.core.units import printable


def main() -> int:
    """Print the page, place the records; return the exit code."""
    accept_any_text()
    parser = Parser(prog="gpu-proof-read", description=__doc__)
    parser.add_argument("file", metavar="FILE", help="a folder or an archive")
    parser.add_argument("--place", action="store_true", help="copy the records to their places")
    try:
        arguments = parser.parse_args()
        if not arguments.file:
            raise BadInputError("FILE= is missing: set it to the folder or the archive of a proof")
        files = archive.read(Path(arguments.file))
        reading = read(files)
        print_line(page(reading, read_text(ROOT / "CHANGELOG.md")).rstrip())
        if arguments.place:
            place(reading, files)
    except BadInputError as error:
        print(f"gpu-proof-read: {printable(str(error))}", file=sys.stderr)
        return error.exit_code
    return ExitCode.OK


def place(reading: Reading, files: Mapping[str, bytes], root: Path = ROOT) -> None:
    """Copy the records that have a place, after each has been found valid."""
    for record in places.records(reading):
        if record.path is not None:
            require_valid(record.name, files[record.name])
            target = root / record.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(files[record.name])
            print(f"gpu-proof-read: wrote {record.path}", file=sys.stderr)


def require_valid(name: str, data: bytes) -> None:
    """Raise BadInputError unless a record is one of this version."""
    if name == "sweep.json":
        return  # its shape was looked at, and its test reads it
    try:
        from workload.compare.loader import load_runs  # noqa: PLC0415  needs msgspec
    except ImportError as error:
        raise BadInputError(
            f"--place checks the records with msgspec ({error}): set PYTHON=.venv/bin/python"
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        load_runs(path)


if __name__ == "__main__":
    sys.exit(main())
