"""Sides are read from files of measurements; any other file is refused in one line."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.records.measured import (
    CPU,
    GPU,
    TRAINING,
    benchmark_document,
    case,
    set_at,
    write_benchmarks,
    write_record,
)
from support.records.synthetic import facts, made

from workload.compare import loader
from workload.compare.loader import load_side
from workload.core.errors import BadInputError, ExitCode
from workload.core.models.case import CaseStatus, Kind
from workload.core.models.machine import System
from workload.core.models.model import as_json
from workload.core.models.rating import Ceilings, Regime
from workload.core.records import RecordBuilder, save
from workload.core.train_case import train_case
from workload.core.train_spec import PRESETS
from workload.report.page.environment import short_table
from workload.report.page.subjects import Subject


def refusal(path: Path) -> str:
    """The one line with which the file is refused."""
    with pytest.raises(BadInputError) as caught:
        load_side(path)
    return str(caught.value)


def test_a_record_is_one_run_of_its_cases(tmp_path: Path) -> None:
    side = load_side(write_record(tmp_path, case(), device=GPU))
    assert (side.device, [run.cases for run in side.runs]) == (GPU, [(case(),)])


def test_a_run_has_the_image_and_the_python_of_its_record(tmp_path: Path) -> None:
    system = System("3.11.2", None, "6.1", "x86_64", "docker", image="sha256:1")
    record = made(CPU, environment=replace(facts(), system=system))
    (run,) = load_side(save(record, tmp_path)).runs
    assert (run.image, run.versions["python"]) == ("sha256:1", "3.11.2")
    subject = Subject("CPU", CPU, run, (), ())
    assert ("image", ("sha256:1",)) in short_table([subject])


@pytest.mark.parametrize("write", [write_record, write_benchmarks])
def test_the_speed_of_a_stand_in_for_a_gpu_is_refused(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    folder = tmp_path / "file.json" if write is write_benchmarks else tmp_path
    path = write(folder, case(), device=replace(GPU, name="STAND-IN H100"))
    assert refusal(path) == (
        f"{path} was measured on STAND-IN H100, which is not a GPU, so its times mean nothing: "
        "choose a record of a real GPU"
    )


def test_a_training_is_among_the_cases_and_keeps_its_losses(tmp_path: Path) -> None:
    (run,) = load_side(write_record(tmp_path, trainings=[TRAINING], kind="train")).runs
    assert run.cases == (train_case(TRAINING, "cpu"),)
    assert run.trainings == (TRAINING,)


def test_a_training_is_rated_by_the_ceilings_of_its_record(tmp_path: Path) -> None:
    path = write_record(tmp_path, trainings=[TRAINING])
    content = json.loads(path.read_bytes())
    content["ceilings"] = as_json(
        Ceilings(launch_sec=1e-3, measured_gbs=1e3, measured_gflops={"float32": 1e3})
    )
    path.write_text(json.dumps(content))
    (trained,) = load_side(path).runs[0].cases
    assert trained.rating is not None
    assert trained.rating.regime is Regime.LAUNCH


def test_a_training_step_counts_its_five_products() -> None:
    spec = PRESETS["wide"]  # 256,384,000 by torch.utils.flop_counter
    assert spec.step_flops == 256_384_000
    assert spec.step_bytes == 4 * (64 * 10_010 + 2 * (1_000_000 + 1_000))


def test_a_training_that_diverged_is_wrong() -> None:
    diverged = train_case(replace(TRAINING, diverged_at_step=3), "cpu")
    assert (diverged.status, diverged.gflops) == (CaseStatus.WRONG, None)
    assert diverged.reason == "the loss was not finite at step 3"


def test_a_training_that_was_only_resumed_to_its_end_was_not_run() -> None:
    assert train_case(replace(TRAINING, step_time_sec=()), "cpu").status is CaseStatus.SKIPPED


def test_a_training_step_is_one_of_the_kind_train() -> None:
    trained = train_case(TRAINING, "cpu")
    assert (trained.kind, trained.variant, trained.median_sec) == (Kind.TRAIN, "eager", 1e-3)


def test_a_file_of_pytest_benchmark_is_one_run(tmp_path: Path) -> None:
    side = load_side(write_benchmarks(tmp_path / "a.json", case(), case(size=32), device=GPU))
    assert side.device == GPU
    assert side.runs[0].cases == (case(), case(size=32))
    assert (side.runs[0].environment["variant"], side.runs[0].versions) == (
        "cpu",
        {"torch": "2.13.0"},
    )


def test_benchmarks_of_others_are_skipped(tmp_path: Path) -> None:
    document = benchmark_document(case())
    document["benchmarks"] += [{"name": "theirs", "extra_info": {}}, {}, None]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(document))
    assert load_side(path).runs[0].cases == (case(),)


def test_benchmarks_without_a_time_are_cases_too(tmp_path: Path) -> None:
    wrong = replace(case(), status=CaseStatus.WRONG, reason="off", timing=None)
    document = benchmark_document(case(size=32))
    document["workload"] = {"unmeasured": [{"fullname": "a test", "case": as_json(wrong)}]}
    path = tmp_path / "a.json"
    path.write_text(json.dumps(document))
    assert load_side(path).runs[0].cases == (case(size=32), wrong)


def test_a_folder_is_its_runs_by_time(tmp_path: Path) -> None:
    write_benchmarks(tmp_path / "a.json", case(1e-3), minute=2)
    write_benchmarks(tmp_path / "b.json", case(2e-3), minute=1)
    assert [run.cases[0].median_sec for run in load_side(tmp_path).runs] == [2e-3, 1e-3]


def test_the_folder_that_pytest_benchmark_makes_in_its_storage_is_found(tmp_path: Path) -> None:
    write_benchmarks(tmp_path / "Linux-CPython-3.11-64bit" / "0001_a.json", case())
    assert len(load_side(tmp_path).runs) == 1


def test_a_corrupt_file_is_reported_and_the_others_are_used(tmp_path: Path) -> None:
    write_benchmarks(tmp_path / "a.json", case())
    (tmp_path / "b.json").write_text('{"benchmarks": [')
    side = load_side(tmp_path)
    assert len(side.runs) == 1
    (problem,) = side.problems
    assert problem.startswith(f"{tmp_path}/b.json is not JSON")


def test_a_folder_of_corrupt_files_says_what_is_wrong_with_the_first(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).touch()
    assert refusal(tmp_path).startswith(f"{tmp_path} contains no usable file: {tmp_path}/a.json is")


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    assert "contains no .json file" in refusal(tmp_path)


def test_a_folder_of_too_many_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "MAX_FILES", 1)
    for name in ("a.json", "b.json"):
        write_benchmarks(tmp_path / name, case())
    assert "contains 2 .json files; compare reads at most 1 per folder" in refusal(tmp_path)


def test_a_folder_of_two_devices_is_refused(tmp_path: Path) -> None:
    write_benchmarks(tmp_path / "a.json", case())
    write_benchmarks(tmp_path / "b.json", case(), device=GPU, minute=1)
    assert "contains two devices, cpu a CPU and cuda a GPU" in refusal(tmp_path)


def test_a_folder_of_two_kinds_is_refused(tmp_path: Path) -> None:
    write_benchmarks(tmp_path / "a.json", case())
    write_record(tmp_path, case())
    assert "contains two kinds of file" in refusal(tmp_path)


def test_a_record_without_a_device_is_refused(tmp_path: Path) -> None:
    assert "has no device" in refusal(write_record(tmp_path, case(), device=None))


def test_a_record_that_measured_nothing_is_refused(tmp_path: Path) -> None:
    builder = RecordBuilder("verify", [])
    builder.set("device", CPU)
    assert "contains no case" in refusal(save(builder.as_ended(ExitCode.OK, None), tmp_path))


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    assert "File name too long" in refusal(tmp_path / ("x" * 300))


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in refusal(tmp_path / "pipe")


CASE = "benchmarks.0.extra_info.case"


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("benchmarks", {}, "benchmarks is not a list"),
        ("machine_info", None, "got `null` - at `machine_info.workload.device`"),
        ("machine_info.workload", [], "got `null` - at `machine_info.workload.device`"),
        (
            "machine_info.workload.schema_version",
            2,
            "has schema_version 2, but this program reads 3",
        ),
        (
            "machine_info.workload.device.threads",
            0,
            "Expected `int` >= 1 - at `machine_info.workload.device.threads`",
        ),
        (
            "machine_info.workload.variables",
            [{"name": 3}],
            "Expected `str`, got `int` - at `machine_info.workload.variables[0].name`",
        ),
        ("machine_info.workload.ceilings", [], "got `array` - at `machine_info.workload.ceilings`"),
        (CASE, {}, "missing required field `kind` - at `benchmarks[0].extra_info.case`"),
        (CASE, "matmul", "Expected `object`, got `str` - at `benchmarks[0].extra_info.case`"),
        (f"{CASE}.shape", [0], "Expected `int` >= 1 - at `benchmarks[0].extra_info.case.shape[0]`"),
        (f"{CASE}.dtype", "int4", "regex '^(float64|float32|tf32|bfloat16|float16)$"),
        (f"{CASE}.timing.samples_sec", ["fast"], "extra_info.case.timing.samples_sec[0]`"),
        ("datetime", "yesterday", "has no valid creation time"),
        ("datetime", 5, "has no valid creation time"),
        ("datetime", 20261130, "has no valid creation time"),
        ("datetime", "0001-01-01T00:00:00+23:59", "has no valid creation time"),
    ],
)
def test_a_broken_part_is_named(place: str, value: object, words: str, tmp_path: Path) -> None:
    document = benchmark_document(case())
    set_at(document, place, value)
    path = tmp_path / "a.json"
    path.write_text(json.dumps(document))
    assert words in refusal(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is not JSON"),
        ('{"benchmarks": ' + "[" * 100_000, "is not JSON"),
        ('{"benchmarks": [NaN]}', "NaN is not JSON"),
        ('{"benchmarks": [1e999]}', "1e999 is too large for a 64-bit float"),
        ('{"benchmarks": [' + "9" * 400 + "]}", "a number of 400 digits; at most 29"),
        ("[]", "is not a valid record"),
        ("{}", "schema_version None"),
    ],
)
def test_what_no_measurement_wrote_is_refused(content: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(content)
    assert words in refusal(path)
