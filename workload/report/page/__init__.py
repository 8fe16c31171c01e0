"""Show the records of a folder as one self-contained HTML page, without scripts or requests.

`loading` reads the files as runs. `subjects` chooses the run of each device to show in detail.
`charts` draws the charts that the `*_figures` modules define. `page` renders the template.
"""

from workload.compare.run import Run
from workload.report.page.loading import load_results
from workload.report.page.page import build_page
from workload.report.page.subjects import by_record

__all__ = ["Run", "build_page", "by_record", "load_results"]
