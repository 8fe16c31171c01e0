"""The records of a folder as one HTML page that needs nothing else: no script, no request.

Files become runs (`loading`), the newest of each device is shown in detail (`subjects`), as
charts (`charts` draws, the `*_figures` say what) and tables; `page` fills the template.
"""

from workload.compare.run import Run
from workload.report.page.loading import load_results
from workload.report.page.page import build_page
from workload.report.page.subjects import by_record

__all__ = ["Run", "build_page", "by_record", "load_results"]
