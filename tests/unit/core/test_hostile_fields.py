"""Strings of a file are shown as text, on the page, a terminal and in Markdown, never as a path."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.outcome import Outcome
from support.page.reader import Page
from support.records.measured import benchmark_document
from support.records.synthetic import CPU, GPU, cases, facts, host_cpu, made, matmul, training
from support.records.validity import invalidity

from workload.compare.loader import load_runs
from workload.core.errors import BadInputError
from workload.core.models.case import CaseStatus
from workload.core.models.collectives import (
    Collectives,
    Link,
    LinkKind,
    PairLink,
    RankPlace,
    SlowLink,
)
from workload.core.models.finding import Finding, State
from workload.core.models.model import as_json
from workload.core.records import dump

ATTACK = (
    "<script>alert(1)</script><img src=x onerror=alert(1)>\"onerror='x' [a](javascript:alert(1))"
    " ![b](//x) | `c` \x1b]0;owned\x07\x1b[31m\u202egnp.exe\r\n{{ 7 * 7 }} ../../../tmp/owned"
)
# Characters that must not be printed: they move the cursor or change the writing direction.
CONTROLS = {"\x1b", "\x07", "\u202e", "\r"}


def whole_record() -> dict[str, Any]:
    """A record with something in every section, and a case of each kind of trouble."""
    found, ceilings = cases(GPU)
    troubled = [
        replace(matmul(size, "float32", GPU), status=status, reason="a reason", variant="one")
        for size, status in enumerate(CaseStatus, start=2)
    ]
    throttled = found[-3]
    assert throttled.timing
    assert throttled.timing.telemetry
    told = replace(throttled.timing.telemetry, throttled=("heat",))
    hot = replace(throttled, timing=replace(throttled.timing, telemetry=told))
    finding = Finding("memory", State.FAIL, "found", "why", "fix", "https://example.org", "case")
    record = made(
        GPU,
        reason="a reason",
        cases=[*found[:6], hot, *troubled],
        ceilings=ceilings,
        train=[training("book", GPU)],
        findings=[finding],
        host_cpu=host_cpu(),
        environment=facts(
            versions={"torch": "2", "cuda": "13"}, environment={"NVIDIA_VISIBLE_DEVICES": "all"}
        ),
    )
    document: dict[str, Any] = as_json(replace(record, collectives=linked()))
    return document


def linked() -> Collectives:
    """Two ranks and their link."""
    ranks = tuple(RankPlace(n, n, "a host", GPU.name, "cuda:0", "a UUID", "0:0") for n in (0, 1))
    link = Link(LinkKind.PCIE, "PIX", 5, 16, 63.0)
    pairs = (PairLink(0, 1, link, ("a case",)),)
    return Collectives("nccl", "ranks", ranks, link, pairs, (SlowLink((0,), "PCIe", 0.5),))


def whole_benchmarks() -> dict[str, Any]:
    return benchmark_document(*cases(GPU)[0][:6], device=GPU)


def strings_in(document: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every string."""
    if isinstance(document, str):
        yield way
    items = enumerate(document) if isinstance(document, list) else ()
    for key, item in document.items() if isinstance(document, dict) else items:
        yield from strings_in(item, (*way, key))


def with_attack(document: dict[str, Any], way: tuple[Any, ...]) -> dict[str, Any]:
    """A copy with the attack there."""
    changed = copy.deepcopy(document)
    inner: Any = changed
    for step in way[:-1]:
        inner = inner[step]
    inner[way[-1]] = ATTACK
    return changed


def usable(document: dict[str, Any], path: Path) -> bool:
    path.write_bytes(dump(document))
    try:
        load_runs(path)
    except BadInputError:
        return False
    return True


def attacked(document: dict[str, Any], path: Path) -> int:
    """Put the attack wherever the reader lets it stand, into `path`; in how many places."""
    planted = 0
    for way in list(strings_in(document)):
        changed = with_attack(document, way)
        if usable(changed, path):
            document, planted = changed, planted + 1
    environment = document.get("environment")
    if environment:
        environment["versions"][ATTACK] = environment[ATTACK] = ATTACK
    path.write_bytes(dump(document))
    return planted


@pytest.fixture(scope="module", params=[whole_record, whole_benchmarks])
def hostile(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file whose every string attacks."""
    folder = tmp_path_factory.mktemp("hostile")
    planted = attacked(request.param(), folder / "a.json")
    assert planted >= {whole_record: 30, whole_benchmarks: 10}[request.param]
    return folder


def require_plain(text: str) -> None:
    assert all(line.isprintable() for line in text.split("\n"))


def require_inert(html: str) -> None:
    page = Page(html)
    assert not {"script", "img", "iframe"} & page.tags
    assert [name for name in page.attributes if name.startswith("on")] == []
    assert [link for link in page.links if not link.startswith(("#", "data:,"))] == []
    assert CONTROLS & set(html) == set()  # it has narrow spaces of its own


@pytest.mark.parametrize("format_", ["table", "markdown", "html"])
def test_a_comparison_of_hostile_files_is_words(
    format_: str, hostile: Path, workload: Callable[..., Outcome]
) -> None:
    outcome = workload("compare", hostile / "a.json", hostile / "a.json", "--format", format_)
    assert outcome.stdout
    assert "owned" in outcome.stdout + outcome.stderr
    require_plain(outcome.stderr)
    if format_ == "html":
        require_inert(outcome.stdout)
    else:
        require_plain(outcome.stdout)
    if format_ == "markdown":
        rest = outcome.stdout.replace("\\<", "").replace("\\[", "").replace("\\`", "")
        assert {"<", "[", "`"} & set(rest) == set()


def test_a_report_of_hostile_files_is_words(
    hostile: Path, tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    outcome = workload("report", hostile, "--output", tmp_path / "page.html")
    assert outcome.code == 0
    require_plain(outcome.stdout + outcome.stderr)
    html = (tmp_path / "page.html").read_text()
    assert "&lt;script&gt;" in html
    require_inert(html)


def test_texts_of_megabytes_are_cut_where_they_are_shown(
    tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    document = whole_record()
    for case in document["cases"]:
        case["reason"] = case["variant"] = "x" * 1_000_000
    (tmp_path / "a.json").write_bytes(dump(document))
    compared = workload("compare", tmp_path / "a.json", tmp_path / "a.json")
    assert "x" * 1_000 in compared.stdout.replace("\n", "").replace(" ", "")
    assert len(compared.stdout) < 1_000_000
    workload("report", tmp_path, "--output", tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size < 1_000_000


@pytest.mark.parametrize("whole", [whole_record, whole_benchmarks])
def test_a_refused_string_is_told_in_one_plain_line(
    whole: Callable[[], dict[str, Any]], tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    path, refused = tmp_path / "a.json", 0
    document = whole()
    for way in list(strings_in(document)):
        changed = with_attack(document, way)
        if usable(changed, path):
            continue
        refused += 1
        outcome = workload("compare", path, path)
        assert outcome.stderr.count("\n") == 1
        require_plain(outcome.stdout + outcome.stderr)
    assert refused >= 5


@pytest.mark.parametrize("name", ["../../owned", "/owned", "..", "a/b", "\0", "cpu\n"])
def test_no_device_of_a_file_names_another_folder(name: str) -> None:
    document = as_json(made(CPU))
    document["device"]["torch_name"] = name
    assert invalidity(document)


def test_nothing_is_written_beside_the_page(
    hostile: Path, tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    folder = tmp_path / "a/b/c/d"
    folder.mkdir(parents=True)
    (folder / "a.json").write_bytes((hostile / "a.json").read_bytes())
    before = set(tmp_path.rglob("*"))
    workload("report", folder)
    assert set(tmp_path.rglob("*")) - before == {folder / "report.html"}
