"""Efficiency and the communication's share follow from the times of a step."""

import pytest

from workload.core.models.train import ScalingPoint
from workload.report.terminal.collective_table import scaling_table


def point(kind: str, step_sec: float, local_sec: float, ranks: int = 2) -> ScalingPoint:
    return ScalingPoint(kind, ranks, 64, (step_sec,) * 3, (local_sec,) * 3, single_step_sec=1.0)


@pytest.mark.parametrize(
    ("kind", "step_sec", "efficiency"),
    [("strong", 0.5, 1.0), ("strong", 0.8, 0.625), ("weak", 1.0, 1.0), ("weak", 1.25, 0.8)],
)
def test_the_ideal_step_is_divided_or_stays(kind: str, step_sec: float, efficiency: float) -> None:
    assert point(kind, step_sec, step_sec).efficiency == pytest.approx(efficiency)


def test_the_communications_share_is_what_a_step_takes_longer() -> None:
    assert point("strong", 0.8, 0.6).communication_share == pytest.approx(0.25)


def test_a_step_that_noise_made_shorter_has_no_communication() -> None:
    assert point("strong", 0.6, 0.7).communication_share == 0


def test_a_row_has_the_step_and_both_shares() -> None:
    (row,) = scaling_table([point("weak", 1.25, 1.0)]).rows
    assert row == ("weak", "2", "64", "1.25 s", "20%", "80%")
