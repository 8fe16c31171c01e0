"""The driver's verdict becomes one action, for each GPU and the machine: rows of actions.toml."""

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from support.lab.driver_lab import HOST, Lab, Machine

CLOUD = Path(__file__).parents[2] / "docker/cloud"
ROWS = tomllib.loads((Path(__file__).parent / "actions.toml").read_text())["row"]
ASKED = {"gpu": {"field_230": 1, "ecc_uncorrected": 5}}
UNSUPPORTED = dict.fromkeys(
    ("field_230", "fabric_state", "sram_exceeded", "ecc", "rows", "nvlinks", "pcie_replays"),
    "unsupported",
)
# Where NVML answers few questions, as NVIDIA's documents have it.
SILENT = {
    "WSL": Machine(
        table={"gpu": UNSUPPORTED, "nvml": {"fail": "nvmlEventSetCreate=3"}},
        nodes=("dxg",),
        kernel=None,
        log=None,
    ),
    "a vGPU": Machine(table={"gpu": {**UNSUPPORTED, "fail": "nvmlDeviceRegisterEvents=3"}}),
    "MIG": Machine(table={"gpu": {**UNSUPPORTED, "mig": 1, "slices": 2}}),
    "MIG, without permission": Machine(
        table={"gpu": {"mig": 1, "slices": 2, "fail": "nvmlDeviceGetFieldValues=4"}}
    ),
}


def examine(lab: Lab, root: Path, machine: Machine, *options: str) -> dict[str, Any]:
    """The record of the doctor on that machine; `root` is new for each run."""
    root.mkdir(exist_ok=True)
    ended = lab.run(machine, root, ["doctor", "--device", "cuda", "--quick", "--json", *options])
    found: dict[str, Any] = json.loads(ended.stdout)
    assert f"action: {found['action']}" in ended.stderr
    return found


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_a_machine_gets_the_action_of_its_row(
    row: dict[str, Any], lab: Lab, tmp_path: Path
) -> None:
    machine = Machine(table=row.get("table", {}), log=row.get("log", ""))
    found = examine(lab, tmp_path, machine)
    assert found["action"] == row["action"]
    assert row.get("reason", "") in found["action_reason"]
    actions = [gpu["action"] for gpu in found["gpus"]]
    assert actions == row.get("gpus", [row["action"]])


@pytest.mark.parametrize("name", SILENT)
def test_what_the_driver_does_not_report_is_unknown_and_not_none(
    name: str, lab: Lab, tmp_path: Path
) -> None:
    found = examine(lab, tmp_path, SILENT[name])
    (gpu,) = found["gpus"]
    assert found["action"] == "none"
    assert "its recovery action is unknown (" in gpu["reason"]
    assert found["action_reason"] == f"GPU 0 STAND-IN H100: {gpu['reason']}"
    health = found["environment"]["driver"]["gpus"][0]["state"]["health"]
    assert health["recovery_action"] is None
    if "permission" not in name:
        assert (health["fabric"], health["nvlinks"], health["pcie_replays"]) == (None, None, None)
        assert health["sram_threshold_exceeded"] is None
        assert found["link_errors"] is None
    assert found["xids"] == (None if name == "WSL" else [])  # a vGPU's are in the log


def test_three_runs_on_an_untouched_machine_give_the_same_action(lab: Lab, tmp_path: Path) -> None:
    machine = Machine(table=ASKED)
    results = ("--output", str(tmp_path / "results"))
    found = [examine(lab, tmp_path / str(run), machine, *results) for run in range(3)]
    assert [one["action"] for one in found] == ["reset-gpu"] * 3


def test_a_fault_that_comes_back_after_a_reset_asks_for_a_reboot(lab: Lab, tmp_path: Path) -> None:
    results = ("--output", str(tmp_path / "results"))
    examine(lab, tmp_path / "1", Machine(table=ASKED), *results)
    reset = Machine(table={"gpu": {"field_230": 1, "ecc_uncorrected": 1}})
    found = examine(lab, tmp_path / "2", reset, *results)
    assert found["action"] == "reboot"
    assert "came back after a reset of the GPU" in found["gpus"][0]["evidence"][-1]


def test_another_gpu_in_the_same_slot_starts_from_the_beginning(lab: Lab, tmp_path: Path) -> None:
    results = ("--output", str(tmp_path / "results"))
    examine(lab, tmp_path / "1", Machine(table=ASKED), *results)
    other = {
        "field_230": 1,
        "ecc_uncorrected": 1,
        "uuid": "GPU-99999999-1111-2222-3333-444444444444",
    }
    found = examine(lab, tmp_path / "2", Machine(table={"gpu": other}), *results)
    assert found["action"] == "reset-gpu"


def test_without_a_reset_a_reset_is_asked_for_again(lab: Lab, tmp_path: Path) -> None:
    results = ("--output", str(tmp_path / "results"))
    examine(lab, tmp_path / "1", Machine(table=ASKED), *results)
    more = Machine(table={"gpu": {"field_230": 1, "ecc_uncorrected": 6}})
    assert examine(lab, tmp_path / "2", more, *results)["action"] == "reset-gpu"


def test_another_fault_after_a_reset_starts_from_the_beginning(lab: Lab, tmp_path: Path) -> None:
    results = ("--output", str(tmp_path / "results"))
    examine(lab, tmp_path / "1", Machine(table=ASKED), *results)
    other = Machine(table={"gpu": {"field_230": 6, "ecc_uncorrected": 0}})
    assert examine(lab, tmp_path / "2", other, *results)["action"] == "reset-gpu"


def test_heat_that_no_reading_shows_is_seen_by_the_drivers_counter(
    lab: Lab, tmp_path: Path
) -> None:
    # NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN: 3 of 20 s
    hot = Machine(level=HOST, table={"gpu": {"field_269": "15%"}})
    options = ("--device", "cuda", "--sizes", "64", "--dtypes", "float32", "--budget", "4")
    ended = lab.run(hot, tmp_path, ["matmul", *options, "--json"])
    record = json.loads(ended.stdout)
    (case,) = [case for case in record["cases"] if case["name"] == "matmul 64 float32"]
    assert case["timing"]["telemetry"]["throttled"] == []
    assert case["status"] == "invalid"
    assert case["reason"].startswith("the GPU was throttled (software thermal slowdown for ")
    assert (ended.returncode, record["action"]) == (4, "fix-host")


def test_the_logs_of_the_kubernetes_job_and_the_status_of_a_vm_have_the_action(
    lab: Lab, tmp_path: Path
) -> None:
    job = (CLOUD / "kubernetes-job.yaml").read_text()
    doctor, run = (line.split(", ") for line in re.findall(r"args: \[workload, (.*)\]", job))
    machine = Machine(level=HOST, table={"gpu": {"xids": "31"}})
    short = ["--budget", "4", "--sizes", "64", "--dtypes", "float32", "--output", str(tmp_path)]
    for command in (doctor, [*run, *short]):
        root = tmp_path / command[0]
        root.mkdir()
        ended = lab.run(machine, root, command)
        log = root / "log"
        log.write_text(f"{ended.stderr}{ended.stdout}")
        shown = " ".join(log.read_text().split())  # lines are wrapped
        assert "; action: restart-app (GPU 0 STAND-IN H100: Xid 31," in shown
        script = f". {CLOUD}/machine; action_in {log}"
        said = subprocess.run(
            ["/bin/sh", "-euc", script], check=True, capture_output=True, text=True
        )
        assert said.stdout == "restart-app\n"
    assert json.loads(ended.stdout)["gpus"][0]["action"] == "restart-app"
