"""A comparison as a Markdown document and as an HTML page. Pure.

Names come from files that may hold anything: no format lets them be more than text.
"""

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from workload.report.terminal.comparison_table import Text

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 75rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere }
div { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .75rem; border-bottom: 1px solid #8884; text-align: left;
  white-space: nowrap }
dt { font-weight: 600 }
dd { margin-left: 0 }
.FASTER { background: #2a72 } .SLOWER { background: #c332 } .UNCLEAR { background: #a822 }
.UNJUDGED { opacity: .6 }
"""


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
    """Return a page that loads nothing. ElementTree escapes all text."""
    page = ElementTree.Element("html", lang="en")
    head, body = ElementTree.SubElement(page, "head"), ElementTree.SubElement(page, "body")
    ElementTree.SubElement(head, "meta", charset="utf-8")
    viewport = {"name": "viewport", "content": "width=device-width, initial-scale=1"}
    ElementTree.SubElement(head, "meta", viewport)
    ElementTree.SubElement(head, "title").text = "workload compare"
    ElementTree.SubElement(head, "style").text = _STYLE
    ElementTree.SubElement(body, "h1").text = "workload compare"
    _add_list(body, text.before)
    table = ElementTree.SubElement(ElementTree.SubElement(body, "div"), "table")
    _add_row(table, "th", text.table.headers)
    for row, mark in zip(text.table.rows, text.marks, strict=True):
        _add_row(table, "td", row).set("class", mark.value)
    _add_list(body, text.after)
    return "<!doctype html>\n" + ElementTree.tostring(page, "unicode", method="html") + "\n"


def _add_row(table: ElementTree.Element, kind: str, cells: Sequence[str]) -> ElementTree.Element:
    row = ElementTree.SubElement(table, "tr")
    for cell in cells:
        ElementTree.SubElement(row, kind).text = cell
    return row


def _add_list(body: ElementTree.Element, labelled: Sequence[tuple[str, str]]) -> None:
    described = ElementTree.SubElement(body, "dl")
    for label, text in labelled:
        ElementTree.SubElement(described, "dt").text = label
        ElementTree.SubElement(described, "dd").text = text
