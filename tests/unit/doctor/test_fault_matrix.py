"""Every fault of faults.toml gets its id, state, exit code and line."""

from pathlib import Path
from typing import Any

import pytest
from support.doctor.fault_machine import read_facts
from support.doctor.fault_matrix import faults

from workload.core.models.finding import Finding, State
from workload.doctor import exit_code
from workload.doctor.checks.registry import CHECKS, run_all

FAULTS = faults()
rows = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["fault"])


@pytest.fixture
def findings(
    fault: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Finding, ...]:
    return run_all(read_facts(fault, tmp_path, monkeypatch))


@rows
def test_a_fault_gets_its_id_case_state_exit_code_and_line(
    fault: dict[str, Any], findings: tuple[Finding, ...]
) -> None:
    (found,) = [finding for finding in findings if finding.id == fault["id"]]
    expected = (fault["case"], fault["state"], fault["line"])
    assert (found.case, found.state, found.found) == expected
    assert exit_code(findings) == fault["exit"]
    assert exit_code(findings, strict=True) == fault.get("strict", fault["exit"])


@rows
def test_the_first_failure_is_the_fault_itself(
    fault: dict[str, Any], findings: tuple[Finding, ...]
) -> None:
    failed = [finding.id for finding in findings if finding.state is State.FAIL]
    assert failed[:1] == ([fault["id"]] if fault["state"] == "fail" else [])


@rows
def test_a_failure_or_warning_has_why_fix_and_link(
    fault: dict[str, Any], findings: tuple[Finding, ...]
) -> None:
    troubles = [found for found in findings if found.state in (State.WARN, State.FAIL)]
    assert all(found.why and found.fix and found.link for found in troubles), fault["fault"]


def test_the_healthy_machine_behind_the_faults_passes_every_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = run_all(read_facts({}, tmp_path, monkeypatch))
    assert {finding.id for finding in found if finding.state is not State.PASS} == set()


def test_no_check_lacks_a_fault_and_no_fault_lacks_a_check() -> None:
    broken = {fault["id"] for fault in FAULTS if fault["state"] != State.PASS}
    assert broken == {check.id for check in CHECKS}


def test_no_two_faults_have_one_name() -> None:
    names = [fault["fault"] for fault in FAULTS]
    assert len(set(names)) == len(names)
