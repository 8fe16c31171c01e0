"""Pages for the browser, from synthetic records. Usage: python tests/page/make_pages.py FOLDER

Run by the interpreter that has the package's dependencies; the tests need a browser's only.
"""

import sys
from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace

sys.path.insert(0, str(Path(__file__).parents[1]))  # as pytest does
from support.records.several import joint, rank
from support.records.synthetic import CPU, GPU, host_cpu, hostile, made

from workload.core import records
from workload.core.errors import ExitCode
from workload.report.page import build_page, load_results

LATER = made(CPU).started_at + timedelta(days=1)
PAGES = {
    "both": [made(CPU), made(GPU, host_cpu=host_cpu())],
    "cpu-only": [made(CPU)],
    "failed": [made(CPU, ExitCode.INTERRUPTED, "ended by a signal", cases=None, train=None)],
    "several": [made(CPU), replace(joint(*map(rank, range(8))), started_at=LATER)],
    "hostile": [made(hostile(CPU)), made(hostile(GPU))],
}


def main(folder: Path) -> None:
    """One page a set of records, each read back from files as a person's would be."""
    for name, contents in PAGES.items():
        results = folder / name
        results.mkdir(parents=True, exist_ok=True)
        for content in contents:
            records.save(content, results)
        (folder / f"{name}.html").write_text(build_page(*load_results(results)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
