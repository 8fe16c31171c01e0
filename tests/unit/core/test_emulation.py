"""Times under emulation are recorded, and no speed is made of them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.outcome import Outcome
from support.records.measured import (
    CPU,
    TRAINING,
    case,
    contended,
    write_benchmarks,
    write_record,
)

from workload.bench.operations.matmul import MatMul
from workload.bench.runner import no_case_ran, run_case
from workload.cli.arguments import parse
from workload.cli.session import Session
from workload.cli.steps.device import announce
from workload.compare.loader import load_runs
from workload.core.emulation import without_speed
from workload.core.errors import ExitCode
from workload.core.models.case import Case, CaseStatus
from workload.core.models.device import DeviceInfo
from workload.core.shape import Shape
from workload.report.terminal import case_table, summary

NATIVE = replace(CPU, architecture="x86_64")
EMULATED = replace(
    CPU, name="emulated aarch64 CPU", architecture="aarch64", emulated_on="an x86 CPU"
)
WARNING = "warning    aarch64 emulated on an x86 CPU: results are compared, no speed is reported"
WORDS = "aarch64 programs ran emulated on an x86 CPU"
Written = Callable[[DeviceInfo, str], Path]
Run = Callable[..., Outcome]


@pytest.fixture
def emulated() -> Case:
    """A product that was measured on an emulated CPU."""
    return run_case(MatMul(Shape(16, 16, 16), "float32"), replace(EMULATED, threads=1), 0.1)


def test_an_emulated_case_keeps_its_samples_and_has_no_rate(emulated: Case) -> None:
    assert (emulated.status, emulated.reason) == (CaseStatus.EMULATED, WORDS)
    assert (emulated.gflops, emulated.gbs, emulated.rating) == (None, None, None)
    assert emulated.timing is not None
    assert emulated.error_share is not None


def test_an_emulated_case_ran(emulated: Case) -> None:
    assert not no_case_ran([emulated])


def test_a_wrong_result_is_wrong_under_emulation_too(tmp_path: Path) -> None:
    path = write_record(tmp_path, case(error_share=2.0), device=EMULATED)
    assert [one.status for one in load_runs(path)[0].cases] == [CaseStatus.WRONG]


def test_an_emulated_time_is_not_judged() -> None:
    contended_case = case(timing=contended())
    assert case_table.warning_lines([contended_case])
    assert case_table.warning_lines([without_speed(contended_case, EMULATED)]) == []


def test_an_emulated_time_is_in_no_table() -> None:
    shown = case_table.case_row(case())
    hidden = case_table.case_row(without_speed(case(), EMULATED))
    assert "1 ms" in " ".join(shown)
    assert not [cell for cell in hidden if "ms" in cell or "FLOP" in cell]


def test_an_emulated_training_shows_its_loss_and_no_time() -> None:
    line = summary.train_line(TRAINING, EMULATED)
    assert line == "train      book float32: 3 steps, emulated, loss 1e+06"


@pytest.mark.parametrize(("device", "warnings"), [(NATIVE, []), (EMULATED, [WARNING])])
def test_the_device_is_announced_as_emulated(
    device: DeviceInfo, warnings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    announce(Session(parse(["verify"]), ()), device)
    _, *found = capsys.readouterr().out.splitlines()
    assert found == warnings


@pytest.fixture(params=["record", "benchmarks"])
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Written:
    """`written(device, name)`: a file of this device whose case says that it is a speed."""

    def write(device: DeviceInfo, name: str) -> Path:
        path = tmp_path / f"{name}.json"
        if request.param == "record":
            return write_record(path, case(), device=device, trainings=[TRAINING])
        return write_benchmarks(path, case(), device=device)

    return write


def test_compare_shows_both_architectures_and_no_speed(written: Written, workload: Run) -> None:
    outcome = workload("compare", written(NATIVE, "a"), written(EMULATED, "b"))
    assert outcome.code == ExitCode.OK, outcome.stderr
    assert "cpu: a CPU, 2 threads (fastest of 1 and 2), x86_64, " in outcome.text
    assert "cpu: emulated aarch64 CPU, " in outcome.text
    assert ", aarch64 emulated on an x86 CPU, " in outcome.text
    assert "summary no case could be compared" in outcome.text
    assert "emulated in the candidate: matmul 64 float32" in outcome.text
    assert f"({WORDS})" in outcome.text
    assert "GFLOP/s" not in outcome.text


@pytest.mark.parametrize(("options", "code"), [((), ExitCode.UNFIT), (("--strict",), 5)])
@pytest.mark.parametrize("sides", [(EMULATED, NATIVE), (NATIVE, EMULATED)])
def test_no_gate_passes_by_an_emulated_side(
    sides: tuple[DeviceInfo, DeviceInfo],
    options: tuple[str, ...],
    code: ExitCode,
    written: Written,
    workload: Run,
) -> None:
    files = written(sides[0], "a"), written(sides[1], "b")
    outcome = workload("compare", *files, "--fail-if-slower", "5%", *options)
    assert outcome.code == code
    assert "no case could be judged: emulated in the " in outcome.stderr


def test_losses_are_compared_under_emulation(tmp_path: Path, workload: Run) -> None:
    off = replace(TRAINING, losses=(9e6, 4.1e6, 1e6))
    a = write_record(tmp_path / "a", case(), device=NATIVE, trainings=[TRAINING])
    same = write_record(tmp_path / "b", case(), device=EMULATED, trainings=[TRAINING])
    other = write_record(tmp_path / "c", case(), device=EMULATED, trainings=[off])
    assert "losses agree: " in workload("compare", a, same).text
    assert workload("compare", a, other).code == ExitCode.WRONG_NUMBERS


def test_the_report_shows_the_emulation_and_no_rate(
    written: Written, tmp_path: Path, workload: Run
) -> None:
    written(EMULATED, "only")
    page = tmp_path / "page.html"
    assert workload("report", tmp_path, "--output", page).code == ExitCode.OK
    text = page.read_text()
    assert "aarch64 emulated on an x86 CPU" in text
    assert WORDS in text
    assert "0.524" not in text
