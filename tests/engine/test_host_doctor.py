"""`make doctor` asks a stand-in of nvidia-smi, which asks a simulated driver."""

from typing import Any

import pytest
from support.host_report import findings
from support.lab.driver_lab import CUDA, Lab, Machine
from support.lab.engine import LabEngine

SILENT = "the NVIDIA driver does not answer (nvidia-smi: "
LOST = "Unable to determine the device handle for GPU1: 0000:11:00.0: "
# What the driver answers, or what is missing, and the check's state and text.
DRIVERS: dict[str, tuple[dict[str, Any], str, str]] = {
    "healthy": ({"nvml": {"gpus": 8}}, "pass", "driver 580.65.06, GPUs: 8, STAND-IN H100"),
    "no GPU": ({"nvml": {"gpus": 0}}, "FAIL", "the NVIDIA driver finds no GPU"),
    "not permitted": (
        {"nvml": {"fail": "nvmlInit=4"}},
        "FAIL",
        "this user has no access to the GPU (nvidia-smi: Failed to initialize NVML: Insufficient "
        "Permissions)",
    ),
    "not loaded": (
        {"nvml": {"fail": "nvmlInit=9"}},
        "FAIL",
        f"{SILENT}NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver)",
    ),
    "older library": (
        {"nvml": {"fail": "nvmlInit=13"}},
        "FAIL",
        "nvidia-smi and libnvidia-ml.so.1 are of different versions (nvidia-smi: Failed to "
        "initialize NVML: Function Not Found)",
    ),
    "updated": (
        {"nvml": {"fail": "nvmlInit=18"}},
        "FAIL",
        f"{SILENT}Failed to initialize NVML: Driver/library version mismatch)",
    ),
    "one lost": (
        {"nvml": {"gpus": 2}, "gpu.1": {"handle": 15}},
        "WARN",
        f"driver 580.65.06, GPUs: 1, STAND-IN H100; a GPU was lost (nvidia-smi: {LOST}GPU is lost)",
    ),
    "one to be reset": (
        {"nvml": {"gpus": 2}, "gpu.1": {"every": 16}},
        "WARN",
        "driver 580.65.06, GPUs: 1, STAND-IN H100; a GPU has failed and must be reset (nvidia-smi: "
        "[GPU requires reset], [GPU requires reset])",
    ),
    "hanging": (
        {"nvml": {"fail": "nvmlInit=hang"}},
        "FAIL",
        f"{SILENT}no answer in 30 s)",
    ),
    "aborting": (
        {"nvml": {"fail": "nvmlInit=abort"}},
        "FAIL",
        "nvidia-smi does not run (nvidia-smi: Aborted)",
    ),
}


@pytest.mark.parametrize(("table", "state", "text"), DRIVERS.values(), ids=list(DRIVERS))
def test_the_hosts_doctor_explains_the_driver(
    table: dict[str, Any], state: str, text: str, engine: LabEngine, lab: Lab
) -> None:
    engine.install(lab, Machine(table=table))
    ended = engine.run("docker/host/doctor", changes={"HOST_DEADLINE_SEC": "3"})
    assert findings(ended)[f"{state:<8}gpu-driver"][0] == text


def test_a_driver_without_its_library_is_incomplete(engine: LabEngine, lab: Lab) -> None:
    engine.install(lab, Machine(libraries=(CUDA,)))
    shown = findings(engine.run("docker/host/doctor"))
    assert shown["FAIL    gpu-driver"][0].startswith("a part of the NVIDIA driver is missing")


def test_a_healthy_host_passes_every_check_of_its_gpu(engine: LabEngine) -> None:
    shown = findings(engine.run("docker/host/doctor"))
    about_gpu = ("gpu-card", "gpu-driver", "driver-version", "device-nodes", "gpu-option")
    assert {f"pass    {name}" for name in about_gpu} <= set(shown)
