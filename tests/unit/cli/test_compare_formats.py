"""compare prints JSON, Markdown or a page, in which hostile words stay words."""

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.outcome import Outcome
from support.records.measured import (
    CPU,
    case,
    write_record,
)

from workload.core.errors import ExitCode

HOSTILE = "\x1b]0;owned\x07<script>alert(1)</script>|[bold](http://example.com) `*_"

Compare = Callable[..., Outcome]


@pytest.mark.parametrize("option", ["--json", "--format=json"])
def test_json_is_one_document_and_the_words_go_to_stderr(option: str, compare: Compare) -> None:
    outcome = compare([case(2e-3)], [case()], option)
    (speed,) = json.loads(outcome.stdout)["speeds"]
    assert (speed["verdict"], speed["basis"]) == ("FASTER", "one process run")
    assert speed["interval"] == pytest.approx([2, 2])
    assert "summary" in outcome.stderr


def test_two_formats_at_once_are_refused(workload: Callable[..., Outcome]) -> None:
    outcome = workload("compare", "a", "b", "--json", "--format", "html")
    assert outcome.code == ExitCode.BAD_INPUT
    assert "--json and --format html contradict each other: choose one" in outcome.stderr


def test_markdown_is_a_table_with_a_line_a_case(compare: Compare) -> None:
    document = compare([case(2e-3)], [case()], "--format", "markdown").stdout
    rows = [line for line in document.splitlines() if line.startswith("|")]
    assert rows[0].startswith("| case | baseline | candidate | speed-up | 95% interval | verdict |")
    assert rows[2].startswith("| matmul 64 float32 | 0.262 GFLOP/s | 0.524 GFLOP/s | 2.000 |")
    assert len({row.count("|") for row in rows}) == 1


class Page(HTMLParser):
    """Every tag, address and text of a page, as a browser reads it."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str | None] = []
        self.text = ""
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "action")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_needs_nothing_beside_it(compare: Compare) -> None:
    page = Page(compare([case(2e-3)], [case()], "--format", "html").stdout)
    assert (page.tags.count("tr"), page.addresses) == (2, [])
    assert "script" not in page.tags
    assert "2.000 to 2.000FASTER" in page.text


@pytest.fixture
def hostile(tmp_path: Path, workload: Callable[..., Outcome]) -> Callable[[str], Outcome]:
    """Return a comparison of a device whose name is a markup attack."""
    path = write_record(tmp_path, case(), device=replace(CPU, name=HOSTILE))
    return lambda wanted: workload("compare", path, path, "--format", wanted)


def test_a_hostile_name_prints_no_control_characters(hostile: Callable[[str], Outcome]) -> None:
    shown = hostile("table").stdout
    assert "?]0;owned?<script>alert(1)</script>|[bold]" in shown
    assert "\x1b" not in shown


def test_a_hostile_name_is_text_in_the_page(hostile: Callable[[str], Outcome]) -> None:
    page = Page(hostile("html").stdout)
    assert "script" not in page.tags
    assert "?]0;owned?<script>alert(1)</script>|[bold](http://example.com) `*_" in page.text


def test_a_hostile_name_is_text_in_markdown(hostile: Callable[[str], Outcome]) -> None:
    document = hostile("markdown").stdout
    assert r"\<script\>alert(1)\</script\>\|\[bold\](http://example.com) \`\*\_" in document
