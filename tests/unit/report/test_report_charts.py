"""Every speed, limit and loss is drawn, and nothing absurd."""

import re
from collections.abc import Callable

from msgspec.structs import replace
from support.page.reader import Page
from support.records.synthetic import (
    CPU,
    GPU,
    cases,
    made,
    matmul,
    training,
)

from workload.core.models.case import CaseStatus
from workload.core.models.model import as_json

Render = Callable[..., Page]


def test_every_case_with_a_speed_is_on_the_roofline(both: Page) -> None:
    found, _ = cases(GPU)
    fast = [case for case in found if case.gflops]
    trainings = 2
    assert both.drawing("roofline-side-gpu").count('class="dot"') == len(fast) + trainings


def test_an_invalid_case_is_neither_on_the_roofline_nor_a_speed_up(render: Render) -> None:
    bad = replace(
        matmul(512, "float32", GPU), status=CaseStatus.INVALID, reason="the GPU was throttled"
    )
    page = render(made(CPU), made(GPU, cases=[bad, matmul(1024, "float32", GPU)], train=[]))
    assert page.drawing("roofline-side-gpu").count('class="dot"') == 1
    compared, _, unpaired = page.section("against").partition(
        "Cases that were not paired, with the reasons"
    )
    assert "matmul 512 float32" not in compared
    assert "matmul 512 float32: invalid in the candidate: the GPU was throttled" in unpaired


def test_ceilings_and_stated_peaks_are_lines(both: Page) -> None:
    drawing = both.drawing("roofline-side-cpu")
    for dtype in ("float64", "float32", "bfloat16"):
        assert f'class="series ceiling dtype-{dtype}"' in drawing
        assert f'class="series peak dtype-{dtype}"' in drawing


def test_an_unknown_peak_is_no_line(render: Render) -> None:
    _, ceilings = cases(CPU)
    unknown = replace(ceilings, peak_source=None, peak_gflops={}, peak_gbs=None)
    page = render(made(CPU, ceilings=unknown))
    assert "series peak" not in page.html
    assert "No peak is known for this device" in page.text


def test_losses_of_both_devices_share_a_chart(both: Page) -> None:
    drawing = both.drawing("loss-0")
    assert 'class="series side-cpu under"' in drawing
    assert 'class="series side-gpu over"' in drawing


def test_a_diverged_training_is_drawn_as_far_as_it_went(render: Render) -> None:
    diverged = replace(training("book", CPU), losses=(1e8, 1e20, None), diverged_at_step=3)
    page = render(made(CPU, train=[diverged]))
    assert "diverged at step 3" in page.section("loss")
    assert page.drawing("loss-0").count('class="line reactive') == 1


def test_a_last_loss_that_is_rounding_has_float64s_beside_it(render: Render) -> None:
    rounded = replace(training("book", CPU), float64_loss=2.66e-7, rounding_from_step=288)
    page = render(made(CPU, train=[rounded]))
    assert "(rounding error above 1% from step 288 on; 2.66e-07 in float64)" in page.section("loss")


def test_every_chart_has_words_for_those_who_do_not_see_it(both: Page) -> None:
    drawings = re.findall(r'<svg [^>]*role="img"[^>]*>.*?</svg>', both.html, re.DOTALL)
    assert len(drawings) == 2 * both.html.count("<figure")
    for drawing in drawings:
        assert re.search(r"><title id=[^>]*>\w[^<]*</title><desc id=[^>]*>\w[^<]*</desc>", drawing)


def test_absurd_numbers_are_not_drawn_and_break_nothing(render: Render) -> None:
    content = as_json(made(GPU))
    timing = content["cases"][3]["timing"]
    timing["samples_sec"] = [0, 1e-300, 1e12]
    timing["telemetry"]["sm_clock_mhz"] = [1e308, 0, 1e-308]
    timing["telemetry"]["at_sec"] = [1e12, 0, 5]
    content["train"][0]["losses"] = [1e308, 1e-308, 0, None]
    content["train"][0]["step_time_sec"] = [0, 1e12]
    content["ceilings"]["measured_gbs"] = 1e308
    content["ceilings"]["peak_gflops"] = {"float32": 1e-308}
    page = render(content)
    drawings = re.findall(r"<svg.*?</svg>", page.html, re.DOTALL)
    assert re.findall(r"\b(nan|inf)\b", " ".join(drawings)) == []
    assert page.headings[0][1] == "This device computes the right numbers"
