""".ci/check_words.py finds every banned word, in texts and names, and nothing else."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from support.fakes.host import CHECKOUT

SCRIPT = CHECKOUT / ".ci/check_words.py"
CHECKER = runpy.run_path(str(SCRIPT))
BANNED = CHECKER["entries"]((CHECKOUT / ".ci/banned-words.txt").read_text())


def found(text: str, path: str = "workload/file.py") -> list[str]:
    """The findings in a file."""
    return list(CHECKER["findings"](path, text, BANNED))


@pytest.mark.parametrize("word", [word for word in BANNED if BANNED[word].instead != "allowed"])
def test_each_word_is_found_with_its_replacement(word: str) -> None:
    line = f"workload/file.py:2: {word} (write: {BANNED[word].instead})"
    assert line in found(f"First line.\nA {word}, here.\n")


@pytest.mark.parametrize(
    "text", ["A discard, a cardinal number.", "the check gpu-card", "security"]
)
def test_other_words_are_not_found(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize("text", ["Card", "card_state", "no-card", "CARDS"])
def test_names_and_capitals_are_found(text: str) -> None:
    assert len(found(text)) == 1


def test_a_file_name_is_checked_too() -> None:
    assert found("", "workload/card_state.py") == ["workload/card_state.py: card (write: GPU)"]


def test_a_word_may_stand_where_its_exception_says() -> None:
    assert found(".card {}", "workload/report/page/page.css") == []


@pytest.mark.parametrize(("text", "code"), [("a card\n", 1), ("a GPU\n", 0)])
def test_the_exit_code_says_whether_a_word_was_found(tmp_path: Path, text: str, code: int) -> None:
    file = tmp_path / "text.md"
    file.write_text(text)
    ended = subprocess.run(
        [sys.executable, SCRIPT, file], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, bool(ended.stdout)) == (code, bool(code))
