"""`workload doctor` on the command line."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.doctor.machines import GPU_MACHINE
from support.outcome import Outcome
from support.records.validity import invalidity

from workload.cli.steps import doctor
from workload.core import records
from workload.core.errors import ExitCode
from workload.core.models.finding import Finding, State
from workload.core.models.model import as_json
from workload.doctor.checks.registry import CHECKS

Workload = Callable[..., Outcome]
UNKNOWN = Finding("clock", State.UNKNOWN, "nothing to compare with", case="unknown")
WRONG = Finding("cublas", State.FAIL, "1 of 4096 is wrong", "it lies", "replace it", case="wrong")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def find(*findings: Finding) -> None:
        monkeypatch.setattr(doctor, "gather", lambda *_, **__: GPU_MACHINE)
        monkeypatch.setattr(doctor, "run_all", lambda _: findings)

    return find


def test_quick_imports_no_torch() -> None:
    code = (
        "import sys; from workload.cli.main import main\n"
        "code = main(['doctor', '--quick', '--device', 'cpu'])\n"
        "assert 'torch' not in sys.modules; sys.exit(code)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert ended.returncode == ExitCode.OK, ended.stderr


def test_quick_names_what_it_skips(workload: Workload) -> None:
    assert "skipped with --quick" in workload("doctor", "--quick").text


def test_a_torch_that_kills_its_process_is_exit_4_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    killed = "import os, signal; os.kill(os.getpid(), signal.SIGILL)"
    (tmp_path / "torch/__init__.py").write_text(killed)
    ended = subprocess.run(
        [sys.executable, "-m", "workload", "doctor", "--device", "cpu"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{os.getcwd()}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == ExitCode.UNFIT
    assert ended.stderr.startswith("workload doctor: PyTorch crashed with SIGILL: ")
    assert ended.stderr.count("\n") == 1


def test_an_unknown_result_is_no_failure(workload: Workload, found: Any) -> None:
    found(UNKNOWN)
    assert workload("doctor").code == ExitCode.OK


def test_an_unknown_result_fails_with_strict_in_one_line(workload: Workload, found: Any) -> None:
    found(UNKNOWN)
    outcome = workload("doctor", "--strict")
    assert outcome.code == ExitCode.UNFIT
    assert outcome.stderr == "workload doctor: nothing to compare with\n"


def test_a_wrong_element_is_exit_3(workload: Workload, found: Any) -> None:
    found(WRONG)
    outcome = workload("doctor")
    assert outcome.code == ExitCode.WRONG_NUMBERS
    assert outcome.stderr == "workload doctor: 1 of 4096 is wrong: it lies: replace it\n"


def test_no_findings_are_exit_4(workload: Workload, found: Any) -> None:
    found()
    assert workload("doctor").code == ExitCode.UNFIT


def test_facts_are_printed_on_request_only(workload: Workload, found: Any) -> None:
    found(UNKNOWN)
    assert "compute capability" not in workload("doctor").stdout
    assert "\n  GPU 1\n" in workload("doctor", "--facts").stdout


@pytest.mark.parametrize("id_", [check.id for check in CHECKS])
def test_every_check_is_explained(workload: Workload, id_: str) -> None:
    lines = workload("doctor", "explain", id_).stdout.splitlines()
    assert lines[0] == id_
    labels = [line.split()[0] for line in lines[1:] if not line.startswith(" ")]
    assert labels == ["asks", "why", "fix", "link"]


def test_a_check_that_crashed_is_explained(workload: Workload) -> None:
    explained = workload("doctor", "explain", "shm-crashed").stdout
    assert explained.startswith("shm-crashed\nasks       Did the check run to its end?\n")


def test_explain_alone_lists_every_check_in_a_line(workload: Workload) -> None:
    lines = workload("doctor", "explain").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [check.id for check in CHECKS]
    assert max(map(len, lines)) <= 100


def test_an_unknown_id_is_bad_input_with_what_is_close(workload: Workload) -> None:
    outcome = workload("doctor", "explain", "smh")
    assert outcome.code == ExitCode.BAD_INPUT
    assert outcome.stderr == (
        "workload doctor: there is no check 'smh'; did you mean shm? "
        "`workload doctor explain` lists all checks\n"
    )


@pytest.mark.parametrize("words", [["shm"], ["explain", "shm", "ecc"]])
def test_other_arguments_are_bad_input(workload: Workload, words: list[str]) -> None:
    outcome = workload("doctor", *words)
    assert outcome.code == ExitCode.BAD_INPUT
    assert "use `explain` or `explain ID`" in outcome.stderr


def test_an_explanation_as_json_is_one_document(workload: Workload) -> None:
    (explanation,) = json.loads(workload("doctor", "explain", "shm", "--json").stdout)
    assert explanation["id"] == "shm"


@pytest.mark.parametrize("depth", [[], ["--quick"]])
def test_the_json_is_a_valid_record_with_its_facts(workload: Workload, depth: list[str]) -> None:
    document = json.loads(workload("doctor", "--json", "--device", "cpu", *depth).stdout)
    assert invalidity(document) is None
    assert document["environment"]["depth"] == ("quick" if depth else "default")
    assert len(document["findings"]) == len(CHECKS)


def recorded(facts: Any) -> dict[str, Any]:
    builder = records.RecordBuilder("doctor", [])
    builder.set("environment", facts)
    document: dict[str, Any] = as_json(builder.as_ended(ExitCode.OK, None))
    return document


def test_the_facts_of_a_gpu_machine_are_valid() -> None:
    assert invalidity(recorded(GPU_MACHINE)) is None


@pytest.mark.parametrize(
    "path",
    ["cpu.isa", "limits.shm_bytes", "torch.gpus", "driver.gpus", "clock.now_sec", "folders"],
)
def test_a_fact_of_another_type_is_refused(path: str) -> None:
    document = recorded(GPU_MACHINE)
    *parents, name = path.split(".")
    place = document["environment"]
    for parent in parents:
        place = place[parent]
    place[name] = {"not": "this"}
    assert f"at `$.environment.{path}`" in (invalidity(document) or "")


def test_facts_are_json_of_plain_values() -> None:
    assert json.loads(json.dumps(as_json(GPU_MACHINE)))["driver"]["gpus"][0]["state"]["ecc"] is True
