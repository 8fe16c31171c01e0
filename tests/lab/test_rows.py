"""Each row of rows.toml: a machine, a command, and how it ends there."""

import json
import shlex
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from support.lab.driver_lab import HOST, Lab, Machine, machine_of

ROWS = tomllib.loads((Path(__file__).parent / "rows.toml").read_text())["row"]


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_a_command_ends_as_its_row_says(row: dict[str, Any], lab: Lab, tmp_path: Path) -> None:
    command = shlex.split(row["command"])
    is_doctor = command[0] == "doctor"
    ended = lab.run(machine_of(row), tmp_path, [*command, *(["--json"] if is_doctor else [])])
    assert "Traceback" not in ended.stderr
    expected = [f"workload {command[0]}: {row['error']}"] if "error" in row else []
    found = errors(ended.stderr)
    assert list(map(fnmatch, found, expected)) == [True] * len(expected), found
    assert len(found) == len(expected)
    assert "CUDA warning" not in ended.stderr
    assert ended.returncode == row["code"]
    if is_doctor:
        findings = json.loads(ended.stdout)["findings"]
        assert ids(findings, "fail") == row.get("fails", [])
        assert set(ids(findings, "warn")) >= set(row.get("warns", []))
        assert set(ids(findings, "pass")).isdisjoint(row.get("passes_not", []))
    said = " ".join(ended.stdout.split())  # wherever lines are wrapped
    for text in row.get("says", []):
        assert text in said


def test_a_command_goes_on_when_nvml_stops_answering(lab: Lab, tmp_path: Path) -> None:
    machine = Machine(HOST, {"nvml": {"fail": "nvmlDeviceGetPowerUsage=hang"}})
    command = ["matmul", "--device", "cuda", "--sizes", "64", "--budget", "1"]
    ended = lab.run(machine, tmp_path, [*command, "--driver-timeout", "10"])
    assert "NVML did not answer within 10 s: continuing without it" in ended.stderr
    assert "matmul 64" in ended.stdout + ended.stderr


def errors(stderr: str) -> list[str]:
    """Return the command's lines on stderr: with --json its report is there too.

    On a busy machine it may also say that it waits.
    """
    lines = [line for line in stderr.splitlines() if line.startswith("workload ")]
    return [line for line in lines if ": waiting for the NVIDIA driver" not in line]


def ids(findings: list[dict[str, Any]], state: str) -> list[str]:
    return [f"{found['id']}:{found['case']}" for found in findings if found["state"] == state]
