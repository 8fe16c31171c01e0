"""Records are valid and written whole; others are refused by name."""

import json
import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.outcome import Outcome
from support.records.measured import case
from support.records.validity import invalidity

from workload.core import places, records
from workload.core.errors import BadInputError, ExitCode, NotSavedError
from workload.core.files import write_atomically
from workload.core.models.case import CaseStatus
from workload.core.models.device import DeviceInfo
from workload.core.models.model import as_json
from workload.core.models.verify import VerifyResult
from workload.core.records import RecordBuilder
from workload.core.train_spec import TrainSpec
from workload.train.loop import train

SMALL = "matmul --sizes 32 --dtypes float32 --budget 0.2"


@pytest.fixture
def builder(cpu: DeviceInfo) -> RecordBuilder:
    made = RecordBuilder("matmul", ["matmul"])
    made.set("device", cpu)
    return made


def test_an_empty_builder_makes_a_valid_record() -> None:
    assert invalidity(as_json(RecordBuilder("run", []).as_ended(ExitCode.OK, None))) is None


def test_an_interrupted_record_says_so(builder: RecordBuilder) -> None:
    finished = builder.as_ended(ExitCode.TERMINATED, "ended by a signal")
    assert (finished.status, finished.exit_code) == ("interrupted", 143)
    assert invalidity(as_json(finished)) is None


def test_an_interrupted_record_has_the_measured_cases_and_names_those_to_come(
    builder: RecordBuilder,
) -> None:
    to_come = [case(size=size, status=CaseStatus.INTERRUPTED, timing=None) for size in (32, 64)]
    builder.add_case(case(size=16))
    builder.expect(to_come)
    builder.add_case(case(size=32))
    builder.add_case(case(2e-3, size=32))  # measured again
    found = builder.as_ended(ExitCode.INTERRUPTED, None).cases or ()
    assert {one.shape[0]: (one.status.value, one.median_sec) for one in found} == {
        32: ("ok", 2e-3),
        64: ("interrupted", None),
        16: ("ok", 1e-3),
    }


def test_a_measured_case_is_not_forgotten_when_it_is_to_come_again(builder: RecordBuilder) -> None:
    builder.add_case(case())
    builder.expect([case(status=CaseStatus.INTERRUPTED, timing=None)])
    assert builder.as_ended(ExitCode.OK, None).cases == (case(),)


def test_a_saved_record_is_read_back_as_it_was(builder: RecordBuilder, tmp_path: Path) -> None:
    finished = builder.as_ended(ExitCode.OK, None)
    assert records.load(records.save(finished, tmp_path)) == finished


def test_the_file_name_tells_kind_and_device(builder: RecordBuilder, tmp_path: Path) -> None:
    path = records.save(builder.as_ended(ExitCode.OK, None), tmp_path)
    assert path.name.startswith("matmul-2")
    assert "-cpu-" in path.name


def test_two_records_of_one_directory_do_not_meet(tmp_path: Path) -> None:
    for _ in range(2):
        records.save(RecordBuilder("matmul", []).as_ended(ExitCode.OK, None), tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_full_disk_leaves_nothing_behind(
    builder: RecordBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotSavedError, match="No space left on device; free space"):
        records.save(builder.as_ended(ExitCode.OK, None), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def blocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder into which nothing can be written any more when the run ends; TMPDIR is another."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr(places, "require_writable", lambda _folder, _option: None)
    (tmp_path / "file").touch()
    return tmp_path / "file"


def test_a_record_that_cannot_be_saved_is_kept_in_the_temporary_folder(
    blocked: Path, workload: Callable[..., Outcome]
) -> None:
    outcome = workload(*SMALL.split(), "--output", blocked)
    assert outcome.code == ExitCode.NOT_SAVED
    assert "GFLOP/s" in outcome.stdout
    (path,) = (blocked.parent / "tmp").glob("*.json")
    assert f"record     {path}" in outcome.stdout
    assert records.load(path).exit_code == ExitCode.NOT_SAVED


def test_json_of_an_unsaved_record_is_still_one_document(
    blocked: Path, workload: Callable[..., Outcome]
) -> None:
    outcome = workload(*SMALL.split(), "--output", blocked, "--json")
    assert json.loads(outcome.stdout)["exit_code"] == ExitCode.NOT_SAVED


@pytest.mark.parametrize(
    "line",
    [
        f"{SMALL} --output {{file}}",
        "train --checkpoint {file}/below",
        "report {tmp} --output {file}/below",
    ],
)
def test_nothing_runs_where_its_result_cannot_be_written(
    line: str, tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    (tmp_path / "file").touch()
    outcome = workload(*line.format(file=tmp_path / "file", tmp=tmp_path).split())
    assert (outcome.code, outcome.stdout) == (ExitCode.NOT_SAVED, "")
    assert f"nothing can be written to {tmp_path}/file" in outcome.stderr
    assert outcome.stderr.count("\n") == 1


def test_the_saved_record_equals_the_json_on_stdout(
    tmp_path: Path, workload: Callable[..., Outcome]
) -> None:
    outcome = workload(*SMALL.split(), "--output", tmp_path, "--json")
    (path,) = tmp_path.iterdir()
    assert as_json(records.load(path)) == json.loads(outcome.stdout)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema_version": 2}, "schema_version 2, but this program reads 3"),
        ({"schema_version": 1}, "schema_version 1, but this program reads 3"),
        ({"schema_version": None}, "schema_version None"),
        (
            {"kind": "party"},
            "matching regex '^(run|train|matmul|verify|doctor|collectives)$(?!\\n)' - at `$.kind`",
        ),
        ({"exit_code": 77}, "Invalid enum value 77 - at `$.exit_code`"),
        ({"duration_sec": -1}, "Expected `float` >= 0.0 - at `$.duration_sec`"),
        ({"extra": 1}, "unknown field `extra`"),
        ({"cases": [{}]}, "missing required field `kind` - at `$.cases[0]`"),
        ({"device": "cpu"}, "Expected `object | null`, got `str` - at `$.device`"),
    ],
)
def test_an_invalid_record_is_refused_with_the_reason(
    change: dict[str, object], words: str, builder: RecordBuilder, tmp_path: Path
) -> None:
    path = tmp_path / "record.json"
    path.write_text(json.dumps({**as_json(builder.as_ended(ExitCode.OK, None)), **change}))
    with pytest.raises(BadInputError) as refusal:
        records.load(path)
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    "content",
    ["", "[1,", "\x00", "[" * 100_000, '{"a": 1}{}', "nul", "[NaN]", "[-Infinity]", "1" * 400],
)
def test_what_is_not_json_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text(content)
    with pytest.raises(BadInputError, match="is not JSON"):
        records.load(path)


@pytest.mark.parametrize("content", ["[]", "1", "null", '"words"'])
def test_json_that_is_no_object_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text(content)
    with pytest.raises(BadInputError, match="is not a valid record"):
        records.load(path)


@pytest.mark.parametrize("change", [{"losses": [-1.0]}, {"losses": [1e309]}, {"steps": 2**40}])
def test_a_training_beyond_what_numbers_can_be_is_refused(
    change: dict[str, object], builder: RecordBuilder, cpu: DeviceInfo, tmp_path: Path
) -> None:
    builder.set("train", [train(TrainSpec(steps=2), cpu)])
    content = as_json(builder.as_ended(ExitCode.OK, None))
    content["train"][0].update(change)
    path = tmp_path / "record.json"
    path.write_text(json.dumps(content))
    with pytest.raises(BadInputError, match=r"is not a valid record|is not JSON"):
        records.load(path)


def test_a_section_that_records_do_not_have_is_refused_at_once(builder: RecordBuilder) -> None:
    with pytest.raises(KeyError, match="verfy"):
        builder.set("verfy", [])


def test_the_umask_decides_who_may_read_a_record(builder: RecordBuilder, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        path = records.save(builder.as_ended(ExitCode.OK, None), tmp_path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_symbolic_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_bytes_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(b"\xff\xfe{}")
    with pytest.raises(BadInputError, match="is not JSON"):
        records.load(path)


def test_an_unknown_error_is_null_not_nan(builder: RecordBuilder) -> None:
    builder.set("verify", [VerifyResult("a + b", "float32", math.inf, 1.0, "error")])
    ended = as_json(builder.as_ended(ExitCode.OK, None))
    assert (ended["verify"][0]["worst_error"], ended["verify"][0]["ok"]) == (None, False)
