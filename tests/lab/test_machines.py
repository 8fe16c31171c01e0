"""Every GPU check ends as expected on machines that differ in behavior: machines.toml."""

import json
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from support.lab.driver_lab import Lab, machine_of

from workload.doctor.checks.gpu_needs import NOT_CPU
from workload.doctor.checks.registry import CHECKS

MACHINES = tomllib.loads((Path(__file__).parent / "machines.toml").read_text())["machine"]
GPU_CHECKS = {check.id for check in CHECKS if NOT_CPU in check.needs}
STATES = ("fail", "warn", "unknown", "not_applicable")


@pytest.mark.parametrize("row", MACHINES, ids=[row["name"] for row in MACHINES])
def test_each_gpu_check_ends_as_its_machine_says(
    row: dict[str, Any], lab: Lab, tmp_path: Path
) -> None:
    ended = lab.run(machine_of(row), tmp_path, ["doctor", "--device", "cuda", "--json"])
    found = defaultdict(list)
    for finding in json.loads(ended.stdout)["findings"]:
        if finding["id"] in GPU_CHECKS:
            found[finding["state"]].append(f"{finding['id']}:{finding['case']}")
    assert {state: found[state] for state in STATES} == {
        state: row.get(state, []) for state in STATES
    }
