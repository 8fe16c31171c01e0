"""A soak tells growth from noise."""

from pathlib import Path

import pytest
import soak

CHEAP = "matmul --device cpu --sizes 32 --dtypes float32 --budget 0.2".split()


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


def test_a_short_soak_is_flat_and_its_records_are_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(soak, "RUN", tuple(CHEAP))
    options = ["--runs", "3", "--minutes", "0", "--output", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["soak.py", *options])
    monkeypatch.setattr(soak, "left_bytes", lambda: 0)  # others live on this machine too
    assert soak.main() == 0
    assert "records, all valid" in capsys.readouterr().out
