"""A fault of unit/doctor/faults.toml has the same verdict on a driver made up in C.

There the binding and PyTorch are fakes, here they are real: no error text is invented.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from support.doctor.fault_matrix import faults
from support.lab.driver_lab import Lab, machine_of

FAULTS = [fault for fault in faults() if "lab" in fault]
OF_CUDA = ("cuda-start",)  # the others need no PyTorch


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["fault"])
def test_a_fault_has_the_verdict_of_its_row(
    fault: dict[str, Any], lab: Lab, tmp_path: Path
) -> None:
    quick = [] if fault["id"] in OF_CUDA else ["--quick"]
    ended = lab.run(
        machine_of(fault["lab"]), tmp_path, ["doctor", "--device", "cuda", "--json", *quick]
    )
    findings = json.loads(ended.stdout)["findings"]
    (found,) = [finding for finding in findings if finding["id"] == fault["id"]]
    text = found["found"].replace("STAND-IN H100", "NVIDIA H200")
    assert (found["case"], found["state"], text) == (fault["case"], fault["state"], fault["line"])
