"""The cuts that wait for a GPU are tried on links, and the ones to blame are found."""

import itertools
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support import trees
from tools.gpu_proof import cuts
from tools.gpu_proof.cut_tree import Cut, Tree, record_hash, waiting
from tools.gpu_proof.cuts import breaking_cuts
from tools.gpu_proof.result import Result

LISTED = Path(__file__).parents[3] / "docker/prune.toml"
NAMES = "abcde"
FILES = {
    "torch/__init__.py": "import torch",
    "torch/lib/big.so": "code names",
    "torch/lib/other.so": "code",
    "nvidia/lib/unused.so": "unused",
    "sympy/core/a.py": "import sympy",
    "six.py": "import six",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        trees.write(tmp_path / "site-packages", name, content)
    return tmp_path / "site-packages"


@pytest.fixture
def found(site: Path) -> list[Cut]:
    listed = site.parent / "prune.toml"
    entries: list[dict[str, Any]] = [
        {"package": "torch", "patterns": ["torch/lib/big.so"], "kind": "strip-symbols"},
        {"package": "nvidia-x", "patterns": ["nvidia/**/unused.so"], "kind": "delete"},
        {"package": "nvidia-x", "patterns": ["nvidia/**/absent.so"], "kind": "delete"},
        {"package": "six", "patterns": ["six.py"], "kind": "delete", "wait_for_gpu": False},
    ]
    common: dict[str, Any] = {"targets": ["gpu"], "reason": "unused", "wait_for_gpu": True}
    listed.write_text(trees.toml("prune", [common | entry for entry in entries]))
    return waiting(listed, site)


@pytest.fixture
def tree(site: Path, found: list[Cut], monkeypatch: pytest.MonkeyPatch) -> Tree:
    """A tree of all cuts, with a strip that leaves a file's first word."""

    def strip(command: list[str], check: bool) -> None:
        assert check
        assert command[:3] == ["strip", "--strip-unneeded", "-o"]
        Path(command[3]).write_text(Path(command[4]).read_text().split()[0])

    monkeypatch.setattr("tools.gpu_proof.cut_tree.subprocess.run", strip)
    folder = site.parent / "scratch"
    folder.mkdir()
    return Tree(site, folder, found)


def content(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text() for name in FILES if (folder / name).exists()}


def test_only_what_waits_is_tried_and_absent_files_are_known(found: list[Cut]) -> None:
    assert [sorted(cut.files) for cut in found] == [
        ["torch/lib/big.so"],
        ["nvidia/lib/unused.so"],
        [],
    ]
    assert [cuts.why_not_tried(cut) for cut in found[1:]] == [
        "",
        "not tried: this machine's packages have no such files",
    ]


def test_a_cut_that_strips_needs_strip(found: list[Cut], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert cuts.why_not_tried(found[0]) == "not tried: strip is not installed (binutils)"


def test_a_tree_without_cuts_is_what_is_installed(tree: Tree) -> None:
    assert content(tree.path) == FILES


def test_a_cut_shows_in_the_tree_alone_and_is_restored(
    tree: Tree, site: Path, found: list[Cut]
) -> None:
    tree.cut(found)
    assert content(tree.path) == {
        name: text.replace("code names", "code")
        for name, text in FILES.items()
        if name != "nvidia/lib/unused.so"
    }
    assert content(site) == FILES
    tree.cut([])
    assert content(tree.path) == FILES


def test_files_are_hard_links_so_that_a_library_is_found_beside_another(
    tree: Tree, site: Path
) -> None:
    assert tree.hard
    assert (tree.path / "torch/lib/other.so").samefile(site / "torch/lib/other.so")
    assert not (tree.path / "torch/lib/other.so").is_symlink()


def test_where_hard_links_are_impossible_symbolic_ones_do(
    site: Path, found: list[Cut], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("Invalid cross-device link")

    monkeypatch.setattr("pathlib.Path.hardlink_to", refuse)
    folder = site.parent / "other"
    folder.mkdir()
    tree = Tree(site, folder, found)
    assert not tree.hard
    assert content(tree.path) == FILES


def test_pytorch_is_never_one_link_because_it_looks_beside_itself(
    site: Path, found: list[Cut]
) -> None:
    folder = site.parent / "other"
    folder.mkdir()
    tree = Tree(site, folder, found[1:])
    tree.cut(found[1:])
    assert not (tree.path / "torch").is_symlink()
    assert not (tree.path / "torch/lib/../../nvidia/lib/unused.so").exists()


@pytest.mark.parametrize(
    "breaking", [set(pair) for n in range(3) for pair in itertools.combinations(NAMES, n)]
)
def test_halves_find_every_cut_that_breaks_something(breaking: set[str]) -> None:
    def works(chosen: Sequence[Any]) -> bool:
        return not breaking & set(chosen)

    assert set(breaking_cuts(NAMES, works)) == breaking  # type: ignore[arg-type]  # names will do


def test_cuts_that_break_something_only_together_are_all_to_blame() -> None:
    tried = []

    def works(chosen: Sequence[Any]) -> bool:
        tried.append(chosen)
        return len(chosen) < 5

    assert "".join(breaking_cuts(NAMES, works)) == NAMES  # type: ignore[arg-type]  # names will do
    assert len(tried) == 3


class FakeTrial:
    """A trial in which some parts fail always, and a part fails with one of the cuts."""

    def __init__(self, always: Sequence[str], breaks: Cut | None = None) -> None:
        self.excused: set[str] = set()
        self._always = always
        self._breaks = breaks

    def parts(self, chosen: Sequence[Cut]) -> cuts.Parts:
        broken = {"fft": "error"} if self._breaks in chosen else {"fft": "ok"}
        return broken | dict.fromkeys(self._always, "error")

    def works(self, chosen: Sequence[Cut]) -> bool:
        return not set(cuts.failures(self.parts(chosen))) - self.excused


@pytest.mark.parametrize(
    ("always", "broken", "expected"),
    [
        ([], False, ["works", "works"]),
        ([], True, ["fails", "works"]),
        (["NCCL"], False, ["not tried: without it, too, this fails: NCCL"] * 2),
        (["NCCL"], True, ["fails", "not tried: without it, too, this fails: NCCL"]),
    ],
)
def test_a_cut_works_only_where_everything_works_with_it(
    always: list[str], broken: bool, expected: list[str], found: list[Cut], tmp_path: Path
) -> None:
    chosen = found[:2]
    trial = FakeTrial(always, chosen[0] if broken else None)
    states = cuts.try_cuts(trial, chosen, Result(tmp_path / "result.json"))  # type: ignore[arg-type]  # a fake
    assert [states[str(cut.entry)] for cut in chosen] == expected


def test_the_part_that_hangs_is_the_one_that_started_and_did_not_end() -> None:
    output = b'{"fft": "started"}\nnoise {\n{"fft": "ok"}\n{"NCCL": "started"}\n{"NC'
    assert cuts.printed_parts(output) == {"fft": "ok", "NCCL": "started"}


def test_a_file_that_cannot_be_stripped_is_said(tree: Tree, found: list[Cut]) -> None:
    (tree.site / "torch/lib/big.so").unlink()
    trial = cuts.Trial(tree, [], float("inf"))
    with pytest.raises(cuts.NotTriedError, match="No such file or directory"):
        trial.parts(found)


def test_cuts_that_were_not_tried_are_counted_with_their_reason() -> None:
    late = "not tried: no time was left"
    assert cuts.summary([cuts.WORKS, cuts.FAILS, late, late]) == (
        "1 of 4 cuts work, 1 do not, 2 not tried: no time was left"
    )


def test_a_hash_is_written_as_in_a_record(site: Path) -> None:
    assert record_hash(site / "six.py") == "sha256=jzpaZd7YtftkfuiJ2BkyGqYxiI6B3t_7EEVU9SQJuEU"


def test_every_waiting_cut_has_the_hashes_of_the_locked_files() -> None:
    entries = tomllib.loads(LISTED.read_text())["prune"]
    listed = [entry for entry in entries if entry.get("wait_for_gpu")]
    assert len(listed) == 5
    assert all(entry["locked"] for entry in listed)
    assert not any(entry.get("locked") for entry in entries if entry not in listed)
