"""tests/tools/soak.py distinguishes growth from noise."""

import pytest
from tools import soak


def test_a_leak_in_each_run_is_growth() -> None:
    found = soak.slope("resident, MiB", [300 + run + 5 * (run % 2) for run in range(100)])
    assert found.a_run == pytest.approx(1, abs=0.01)
    assert found.low < 1 < found.high
    assert found.grows


def test_one_step_up_is_no_growth() -> None:
    assert not soak.slope("resident, MiB", [300, 330, *[331, 330, 332, 331] * 20]).grows


def test_noise_is_no_growth() -> None:
    assert not soak.slope("resident, MiB", [300 + 20 * (run % 3) for run in range(200)]).grows


def test_one_descriptor_left_by_each_run_is_growth() -> None:
    assert soak.slope("open files", [8.0 + run for run in range(10)]).grows
