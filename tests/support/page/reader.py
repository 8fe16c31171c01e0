"""An HTML page for tests: its tags, its headings and its visible text."""

import re
from html.parser import HTMLParser


class Page(HTMLParser):
    """A parsed page; `html` is the source."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.headings: list[tuple[str, str]] = []
        self.text = ""
        self._heading: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        if re.fullmatch(r"h\d", tag):
            self._heading = tag
            self.headings.append((tag, ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == self._heading:
            self._heading = None

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._heading:
            self.headings[-1] = (self._heading, self.headings[-1][1] + data)

    def section(self, name: str) -> str:
        """The source of the section of that id."""
        found = re.search(rf'<section id="{name}".*?</section>', self.html, re.DOTALL)
        assert found, f"no section {name}"
        return found[0]

    def drawing(self, figure: str) -> str:
        """The wide SVG of a figure."""
        found = re.search(
            rf'<figure id="{figure}">.*?<div class="chart wide">(.*?)</div>', self.html, re.DOTALL
        )
        assert found, f"no figure {figure}"
        return found[1]

    def drawing_title(self, figure: str) -> str:
        """What a figure's drawing is called."""
        title: str = re.findall(r"<title[^>]*>([^<]*)</title>", self.drawing(figure))[0]
        return title
