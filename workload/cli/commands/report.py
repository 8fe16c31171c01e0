"""`workload report`: write the records of a folder as one HTML page."""

from workload.cli.options import ReportOptions
from workload.cli.session import Session
from workload.core import records
from workload.core.errors import ExitCode, NotSavedError
from workload.core.files import require_replaceable, write_atomically
from workload.core.places import fix_of
from workload.core.units import plural
from workload.report.page import build_page, by_record, load_results
from workload.report.terminal.tables import labelled

PAGE_NAME = "report.html"
PAGE_START = b"<!doctype html>"
MAX_PAGE_BYTES = 64 << 20  # twenty times the size of a page of many records


def command(session: Session, options: ReportOptions) -> ExitCode:
    """Write the page and print its path; name each file that is left out."""
    directory = options.results
    path = options.page or directory / PAGE_NAME
    require_replaceable(
        path, MAX_PAGE_BYTES, lambda start: start.startswith(PAGE_START), "--output", "page"
    )
    runs, problems = load_results(directory)
    for problem in problems:
        session.error(f"left out: {problem}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, build_page(runs, problems).encode())
    except OSError as error:
        raise NotSavedError(
            f"{path} could not be written: {error.strerror or error}; "
            f"{fix_of(error, path.parent, '--output')}"
        ) from error
    count = len(by_record(runs))
    session.info(labelled("report", f"{path} ({plural(count, 'run')})"))
    if options.json:
        summary = {"page": str(path), "runs": count, "left_out": problems}
        session.print_document(records.dump(summary))
    return ExitCode.OK
