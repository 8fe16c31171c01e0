"""The report in a browser: on a phone and a desktop, light and dark."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from support.page.checks import CLIPPED_TEXT, CONTRAST, CROWDED, LANDMARKS, OUTSIDE, SMALLEST_TEXT

SCREENSHOTS = Path(__file__).parents[2] / "results/page"
PAGES = ["both", "cpu-only", "failed", "several", "hostile"]
WIDTHS = [360, 1280]
THEMES = ["light", "dark"]


class View:
    """One page, open at one width in one theme, and what happened since it was loaded."""

    def __init__(self, browser: Chrome, path: Path, width: int, theme: str) -> None:
        self.browser = browser
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self._send("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": theme}
        self._send("Emulation.setEmulatedMedia", {"features": [scheme]})
        for log in ("browser", "performance"):
            browser.get_log(log)  # what came before belongs to another view
        self.url = path.as_uri()
        browser.get(self.url)
        self.console = browser.get_log("browser")
        messages = [
            json.loads(entry["message"])["message"] for entry in browser.get_log("performance")
        ]
        self.requested = [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    def ask(self, script: str) -> Any:
        return self.browser.execute_script(script)

    def save_screenshot(self, path: Path) -> None:
        shot = self._send("Page.captureScreenshot", {"captureBeyondViewport": True})
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def _send(self, command: str, arguments: dict[str, Any]) -> Any:
        return self.browser.execute_cdp_cmd(command, arguments)


@pytest.fixture(params=PAGES, scope="module")
def page(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=WIDTHS, scope="module")
def width(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(params=THEMES, scope="module")
def theme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def view(browser: Chrome, pages: Path, page: str, width: int, theme: str) -> View:
    return View(browser, pages / f"{page}.html", width, theme)


def test_the_console_is_silent(view: View) -> None:
    assert view.console == []


def test_only_the_page_itself_is_requested(view: View) -> None:
    assert {url for url in view.requested if not url.startswith("data:")} == {view.url}


def test_the_page_is_no_wider_than_the_window(view: View, width: int) -> None:
    assert view.ask("return document.documentElement.scrollWidth") == width


def test_nothing_is_outside_but_what_scrolls(view: View) -> None:
    assert view.ask(OUTSIDE) == []


def test_no_block_touches_the_one_above(view: View) -> None:
    assert view.ask(CROWDED) == []


def test_no_text_of_a_chart_is_cut_off(view: View) -> None:
    assert view.ask(CLIPPED_TEXT) == []


def test_no_text_is_too_small_to_read(view: View) -> None:
    assert view.ask(SMALLEST_TEXT) >= 11


def test_words_stand_out_from_their_ground(view: View) -> None:
    assert view.ask(CONTRAST) == []


def test_headings_and_landmarks_are_in_order(view: View) -> None:
    assert view.ask(LANDMARKS) == []


def test_a_screenshot_is_kept(view: View, page: str, width: int, theme: str) -> None:
    path = SCREENSHOTS / f"{page}-{width}-{theme}.png"
    view.save_screenshot(path)
    assert path.read_bytes().startswith(b"\x89PNG")
