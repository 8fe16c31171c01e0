"""A comparison as a Markdown document and as an HTML page.

Names come from files with arbitrary content, so both formats escape them.
"""

import re

from workload.report.page.page import render
from workload.report.terminal.comparison_table import Text


def markdown(text: Text) -> str:
    """Return the comparison as GitHub Flavored Markdown, with a table."""
    header, *rows = [
        f"| {' | '.join(map(_markdown_text, row))} |"
        for row in (text.table.headers, *text.table.rows)
    ]
    rule = "|" + " --- |" * len(text.table.headers)
    before, after = (
        [f"- **{label}** {_markdown_text(line)}" for label, line in labelled]
        for labelled in (text.before, text.after)
    )
    return "\n".join([*before, "", header, rule, *rows, "", *after, ""])


def _markdown_text(text: str) -> str:
    """Escape every character that Markdown or HTML might interpret."""
    return re.sub(r"([\\`*_{}\[\]<>|#!~&$])", r"\\\1", text)


def html(text: Text) -> str:
    """Return the comparison as a self-contained HTML page."""
    return render("comparison.html.jinja", text=text)
