"""Environment variables that change speed or bits: in every record, and told where they matter."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from support.outcome import Outcome

from workload.cli.steps.variables import warn_of_variables

MATMUL = "matmul --device cpu --sizes 16 --dtypes float32 --budget 0.2"
TRAIN = "train --device cpu --input-size 8 --hidden-size 4 --steps 2"
VERIFY = "verify --device cpu --dtypes bfloat16"
COMMANDS = [MATMUL, TRAIN, VERIFY, "doctor --device cpu --quick"]


@pytest.fixture(autouse=True)
def no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)  # set where tests run in parallel


@pytest.mark.parametrize("command", COMMANDS)
def test_a_variable_that_changes_results_is_recorded_and_told(
    command: str, workload: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "SSE41")
    outcome = workload(*command.split(), "--json")
    assert "environment: ONEDNN_MAX_CPU_ISA=SSE41 changes speed and bits" in " ".join(
        outcome.stderr.split()
    )
    recorded = {one["name"]: one for one in json.loads(outcome.stdout)["variables"]}
    assert recorded["ONEDNN_MAX_CPU_ISA"] == {
        "name": "ONEDNN_MAX_CPU_ISA",
        "value": "SSE41",
        "changes": "speed and bits",
        "devices": ["cpu"],
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_a_variable_that_changes_nothing_here_is_recorded_and_not_told(
    command: str, workload: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")  # a CPU has no TF32
    monkeypatch.setenv("ONEDNN_DEFAULT_FPMATH_MODE", "STRICT")
    monkeypatch.setenv("KMP_AFFINITY", "compact")  # torch brings GNU's OpenMP
    outcome = workload(*command.split(), "--json")
    assert "environment:" not in outcome.stderr
    recorded = {one["name"]: one["changes"] for one in json.loads(outcome.stdout)["variables"]}
    assert recorded["NVIDIA_TF32_OVERRIDE"] == "speed and bits"
    assert recorded["ONEDNN_DEFAULT_FPMATH_MODE"] == recorded["KMP_AFFINITY"] == "neither"


def test_a_run_that_ends_before_its_device_has_them_too(
    workload: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_LAUNCH_BLOCKING", "1")
    outcome = workload("verify", "--device", "cuda", "--json")
    assert "CUDA_LAUNCH_BLOCKING" in str(json.loads(outcome.stdout)["variables"])


def test_secrets_and_names_are_removed_from_what_is_recorded(
    workload: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_TOKEN", "s3cr3t-value")
    monkeypatch.setenv("NCCL_TOPO_FILE", "/home/jane/s3cr3t-value/topo.xml")
    outcome = workload("doctor", "--device", "cpu", "--quick", "--json")
    assert "/home/USER/[secret]/topo.xml" in outcome.stdout
    assert "s3cr3t" not in outcome.stdout
    assert "jane" not in outcome.stdout


@pytest.mark.parametrize(("backend", "lines"), [("nccl", 1), ("gloo", 0)])
def test_variables_of_nccl_matter_where_it_connects_ranks(
    backend: str, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NCCL_ALGO", "Ring")
    told: list[str] = []
    session: Any = SimpleNamespace(info=told.append)
    warn_of_variables(session, "cuda", backend)
    assert [("NCCL_ALGO=Ring changes speed and bits" in line) for line in told] == [True] * lines
