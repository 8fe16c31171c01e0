"""The page: verdict first, each section filled or explained, no scripts and no requests."""

import re
from collections.abc import Callable

import pytest
from msgspec.structs import replace
from support.page.reader import Page
from support.records.synthetic import (
    CPU,
    GPU,
    HOSTILE,
    cases,
    facts,
    host_cpu,
    hostile,
    made,
    matmul,
    training,
)

from workload.core.errors import ExitCode
from workload.core.models.case import CaseStatus
from workload.core.models.model import as_json
from workload.core.models.variable import Variable

SECTIONS = ["against", "roofline", "rates", "loss", "steps", "telemetry", "cases", "environment"]
Render = Callable[..., Page]


def test_the_verdict_comes_first(both: Page) -> None:
    assert both.headings[0] == ("h1", "Both devices compute the right numbers")
    assert "16 cases that both ran" in both.text


@pytest.mark.parametrize("section", SECTIONS)
def test_no_section_lacks_a_thing_where_both_devices_have_records(section: str, both: Page) -> None:
    assert both.section(section)
    assert 'class="none"' not in both.section(section)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("against", "there is no record of a GPU"),
        ("roofline", "No case has a valid time"),
        ("rates", "No square matmul"),
        ("loss", "No training run is on record"),
        ("steps", "No training step was timed"),
        ("telemetry", "only a GPU"),
        ("cases", "No case is on record"),
    ],
)
def test_an_empty_section_says_what_is_missing(section: str, words: str, render: Render) -> None:
    assert words in render(made(CPU, cases=None, train=None)).section(section)


def test_a_cpu_alone_is_told_how_to_get_the_other_side(render: Render) -> None:
    page = render(made(CPU))
    assert page.headings[0][1] == "This device computes the right numbers"
    assert "make gpu-run" in page.text


def test_a_record_without_a_device_gives_a_page_too(render: Render) -> None:
    page = render(made(None, ExitCode.UNFIT, "device cuda is not usable"))
    assert page.headings[0][1] == "These records have no device"


@pytest.mark.parametrize(
    ("code", "word", "state"),
    [
        (ExitCode.WRONG_NUMBERS, "WRONG NUMBERS", "bad"),
        (ExitCode.UNFIT, "UNFIT", "bad"),
        (ExitCode.BUG, "FAILED, exit 1", "bad"),
        (ExitCode.INTERRUPTED, "INTERRUPTED", "warning"),
    ],
)
def test_a_run_that_did_not_end_well_is_no_pass(
    code: ExitCode, word: str, state: str, render: Render
) -> None:
    page = render(made(CPU, code, "the reason why"))
    assert f'<p class="word {state}">{word}</p>' in page.html
    assert "the reason why" in page.text
    assert "right numbers" not in page.headings[0][1]


def test_a_wrong_case_spoils_the_verdict_and_is_named(render: Render) -> None:
    found, _ = cases(CPU)
    wrong = replace(found[2], status=CaseStatus.WRONG, reason="error 3.2 times its tolerance")
    page = render(made(CPU, cases=[wrong, *found[3:]]))
    assert page.headings[0][1] == "Something is wrong on the CPU"
    assert "matmul 512 float64: wrong, error 3.2 times its tolerance" in page.text


def test_only_a_main_job_is_a_verdict(render: Render) -> None:
    page = render(replace(made(CPU), kind="matmul"))
    assert "NO VERDICT: only workload matmul ran here" in page.text


def test_nothing_in_the_page_runs_or_is_loaded(both: Page) -> None:
    assert "script" not in both.tags
    assert [link for link in both.links if not link.startswith(("#", "data:,"))] == []
    assert re.findall(r"https?:|//|@import|url\(|base64", both.html) == []
    assert "default-src 'none'" in both.html


def test_the_environment_has_the_variables_that_change_the_results(render: Render) -> None:
    variables = (
        Variable("MKL_CBWR", "AVX2", "speed and bits", ("cpu",)),
        Variable("NVIDIA_TF32_OVERRIDE", "0", "speed and bits", ("cuda",)),
    )
    shown = render(made(CPU, variables=variables)).section("environment")
    assert "MKL_CBWR=AVX2 changes speed and bits" in shown
    assert "NVIDIA_TF32_OVERRIDE" not in shown


@pytest.mark.parametrize("place", ["name", "reason", "case", "environment"])
def test_hostile_words_stay_words(place: str, render: Render) -> None:
    bad = replace(matmul(512, "float32", CPU), status=CaseStatus.DOES_NOT_FIT, reason=HOSTILE)
    content = {
        "name": made(hostile(CPU)),
        "reason": made(CPU, ExitCode.UNFIT, HOSTILE),
        "case": made(CPU, cases=[bad, replace(matmul(64, "float32", CPU), variant=HOSTILE)]),
        "environment": made(CPU, environment=facts(HOSTILE, HOSTILE, versions={HOSTILE: HOSTILE})),
    }[place]
    page = render(content, made(hostile(GPU)))
    assert not {"script", "img"} & page.tags
    assert [name for name in page.attributes if name.startswith("on")] == []
    assert "<script>document.title='owned'</script>" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert "\x1b" not in page.html
    assert "W" * 250 not in page.html  # of a name of 3000 letters


def test_every_fact_is_named_in_words_with_its_unit(render: Render) -> None:
    page = render(made(CPU))
    assert "PyTorch: GPU 1: memory" in page.text
    assert "memory_bytes" not in page.text
    assert "driver hung" in page.text
    assert "False" not in page.text


def test_the_name_of_a_fact_may_have_dots(render: Render) -> None:
    content = as_json(made(CPU))
    content["environment"]["link_widths"] = {"0000:3b:00.0": 16}
    assert "link widths: 0000:3b:00.0" in render(content).text


def test_an_environment_may_hold_more_and_less_than_this_versions_facts(render: Render) -> None:
    content = as_json(made(CPU))
    content["environment"]["a later fact"] = {"a": [[[[[[[[1]]]]]]]], "x": "y" * 10**6}
    content["environment"]["torch"]["another"] = 1
    del content["environment"]["deep"]
    assert len(render(content).html) < 300_000


def test_the_newest_record_of_a_device_is_shown_and_older_ones_are_history(
    render: Render,
) -> None:
    old = made(CPU, started_at="2000-05-05T00:00:00+00:00", cases=[matmul(64, "float32", CPU)])
    page = render(made(CPU), old)
    assert "matmul 64<" not in page.section("cases")
    assert "2000-05-05" in page.section("history")


def test_the_gpu_is_compared_with_the_cpu_beside_it(render: Render) -> None:
    newer = made(replace(CPU, name="another CPU"), started_at="2002-01-01T00:00:00+00:00")
    page = render(made(GPU, host_cpu=host_cpu()), newer)
    assert "The CPU and the GPU are in the same machine" in page.section("against")
    assert page.drawing_title("speedups") == "GPU · synthetic GPU against CPU 2 · synthetic CPU"


def test_the_page_is_the_same_each_time(render: Render) -> None:
    assert render(made(CPU)).html == render(made(CPU)).html


def test_a_hundred_records_make_a_page_of_at_most_3_mb(render: Render) -> None:
    devices = [replace(GPU, name=f"synthetic GPU {number}") for number in range(5)]
    records = [
        made([CPU, *devices][number % 6], started_at=f"2001-01-01T00:00:{number % 60:02}+00:00")
        for number in range(100)
    ]
    page = render(*records)
    assert "The newest 60 of 100" in page.text
    assert len(page.html.encode()) <= 3_000_000


def test_losses_that_disagree_spoil_the_verdict(render: Render) -> None:
    sound = training("book", GPU)
    parted = replace(sound, losses=(sound.losses[0], *[2e7] * (len(sound.losses) - 1)))
    page = render(made(CPU), made(GPU, train=[parted]))
    assert page.headings[0][1] == "The losses of both devices disagree"
    assert "The losses of CPU and GPU DISAGREE" in page.section("loss")


def test_losses_that_agree_are_said_to(both: Page) -> None:
    assert "The losses of CPU and GPU agree: the largest relative error" in both.section("loss")


def test_a_speed_up_has_its_interval_and_the_one_with_transfers(render: Render) -> None:
    gpu = replace(matmul(1024, "float32", GPU), transfer_sec=1e-3)
    page = render(made(CPU, train=[]), made(GPU, cases=[gpu], train=[]))
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", page.section("against"))
    times, _, _, interval, with_transfers = cells
    low, high = map(float, interval.split(" – "))
    assert low <= float(times) <= high
    assert float(with_transfers) < float(times)


def test_a_training_is_called_by_its_preset_and_engine(both: Page) -> None:
    for section in ("against", "loss", "steps"):
        assert "book eager float32" in both.section(section)
