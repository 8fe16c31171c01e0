"""A comparison as a Markdown document and as an HTML page. Pure.

Names come from files that may hold anything: both formats escape them.
"""

import re

from workload.report.page.page import render
from workload.report.terminal.comparison_table import Text


def markdown(text: Text) -> str:
    """Return a document as GitHub and others show it."""
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
    """Return a self-contained page."""
    return render("comparison.html.jinja", text=text)
