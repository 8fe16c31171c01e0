"""Commands on all GPUs of a machine at the same time: a row each, one verdict, one action."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.lab.driver_lab import HOST, Lab, Machine

UUID = "GPU-{0}{0}{0}{0}{0}{0}{0}{0}-1111-2222-3333-44444444444{0}"
GPUS = {f"gpu.{index}": {"uuid": UUID.format(index)} for index in range(8)}
LIMIT_SEC = 600  # of eight processes that import PyTorch, on a busy machine


def machine(count: int, **faults: dict[str, Any]) -> Machine:
    """A machine of this many GPUs; `faults` are of gpu_N."""
    table: dict[str, dict[str, Any]] = {"cuda": {"gpus": count}, "nvml": {"gpus": count}, **GPUS}
    for name, fault in faults.items():
        section = name.replace("_", ".")
        table[section] = {**table[section], **fault}
    return Machine(HOST, table)


def rows(ended: "subprocess.CompletedProcess[str]") -> dict[int, str]:
    """The rows of the table by the index of the GPU."""
    found = re.findall(r"^(\d+) +\S+ +\S+ .*$", ended.stdout, re.MULTILINE)
    lines = [line for line in ended.stdout.splitlines() if re.match(r"\d+ ", line)]
    return {int(index): line for index, line in zip(found, lines, strict=True)}


@pytest.mark.timeout(LIMIT_SEC + 60)
def test_of_several_gpus_one_is_lost_and_one_has_memory_errors(
    lab: Lab, tmp_path: Path, nightly: bool
) -> None:
    """Four GPUs; eight in `.ci/run nightly`, because eight take as long as 30 other tests here."""
    count = 8 if nightly else 4
    faults = {"gpu_1": {"ecc_uncorrected": 2, "field_230": 1}, "gpu_2": {"every": 15}}
    results = tmp_path / "results"
    options = ["--sizes", "64", "--dtypes", "float32", "--budget", "2", "--output", str(results)]
    root = tmp_path / "machine"
    root.mkdir()
    # Each process asks the driver in another one, and all wait for the same few CPUs.
    command = ["run", "--device", "all", "--driver-timeout", str(LIMIT_SEC), *options]
    ended = lab.run(machine(count, **faults), root, command, LIMIT_SEC)
    assert ended.returncode == 4, ended.stderr
    assert "Traceback" not in ended.stderr
    table = rows(ended)
    assert list(table) == list(range(count))
    assert table[1].endswith("UNFIT")
    assert table[2].endswith("LOST")
    reached = [index for index in table if index != 2]
    assert [table[index].split()[1:3] for index in reached] == [
        [f"44444{index}", f"1{index}:00.0"] for index in reached
    ]
    said = " ".join(ended.stdout.split())
    assert "; action: reboot (GPU 2: the driver does not reach it" in said, said
    assert "GPU 1 STAND-IN H100: reset-gpu, the driver asks for a reset of the GPU" in said
    assert "GPU 2 lost: the driver does not reach it (GPU is lost)" in ended.stderr
    assert "GPU 1: GPU 1 STAND-IN H100: the driver asks for a reset of the GPU" in ended.stderr
    (path,) = results.glob(f"run-*-cudax{count}-*.json")
    record = json.loads(path.read_text())
    assert record["action"] == "reboot"
    assert [gpu["action"] for gpu in record["gpus"]][1:3] == ["reset-gpu", "reboot"]
    assert [rank["gpu_uuid"] for rank in record["ranks"]] == [
        None if index == 2 else UUID.format(index) for index in range(count)
    ]
    measured = [rank for rank in record["ranks"] if rank["gpu_index"] not in (1, 2)]
    assert len(measured) == count - 2
    assert all(rank["verify"] and all(one["ok"] for one in rank["verify"]) for rank in measured)
    assert all(rank["cases"] for rank in measured)
