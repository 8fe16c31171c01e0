"""The progress bar of a terminal."""

import io
import sys

import pytest

from workload.cli.progress import BAR_WIDTH, progress

NOTES = ("", "matmul, tensors float64", "convolution, gradient of weight bfloat16")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Return true."""
        return True


@pytest.mark.parametrize("total", [70, None], ids=["known", "unknown"])
def test_the_bar_keeps_its_width_whatever_the_note(
    total: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    widths, shown = set(), []
    for note in NOTES:
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        with progress("verify", total) as advance:
            advance(0, note)
        frame = terminal.getvalue().rpartition("verify")[2]
        widths.add(frame.count("━"))
        shown.append(note in frame)
    assert (widths, shown) == ({BAR_WIDTH}, [True] * len(NOTES))
