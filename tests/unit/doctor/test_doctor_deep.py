"""`workload doctor --deep` from the burn-in to the exit code."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.outcome import Outcome
from support.processes import wait_until_busy
from support.records.validity import invalidity
from torch import Tensor

from workload.core import records
from workload.core.errors import ExitCode, UnfitError
from workload.core.models.device import DeviceInfo
from workload.core.models.finding import State
from workload.core.models.stress import Deep
from workload.doctor.stress import runner
from workload.doctor.stress.burn_in import multiply
from workload.doctor.stress.runner import run_stress, watched
from workload.hardware import devices
from workload.hardware.sensors import Reading

Workload = Callable[..., Outcome]
BUDGET_SEC = 0.5


def call(workload: Workload, *more: str) -> Outcome:
    return workload("doctor", "--deep", "--budget", BUDGET_SEC, "--device", "cpu", *more)


def findings(outcome: Outcome) -> dict[str, dict[str, Any]]:
    return {finding["id"]: finding for finding in json.loads(outcome.stdout)["findings"]}


def test_a_healthy_cpu_passes_and_its_record_is_valid(workload: Workload) -> None:
    outcome = call(workload, "--json")
    assert outcome.code == ExitCode.OK
    document = json.loads(outcome.stdout)
    assert invalidity(document) is None
    stress = document["environment"]["deep"]
    assert [burned["dtype"] for burned in stress["burn_ins"]] == ["float64", "float32"]
    assert all(burned["products"] and not burned["wrong_elements"] for burned in stress["burn_ins"])
    states = {id_: found["state"] for id_, found in findings(outcome).items()}
    assert (states["burn-in"], states["memory-pattern"]) == ("pass", "pass")
    assert states["burn-watch"] == "not_applicable"


def test_one_wrong_element_is_exit_3_in_one_line(
    workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    def product(a: Tensor, b: Tensor, out: Tensor) -> None:
        multiply(a, b, out)
        out[7, 7] += 1

    monkeypatch.setattr(runner, "run_stress", partial(run_stress, product=product))
    outcome = call(workload)
    assert outcome.code == ExitCode.WRONG_NUMBERS
    assert " matmuls in float64 on cpu are wrong; mismatches in total: " in outcome.stderr
    assert "in the first wrong matmul (number 1): 1" in outcome.stderr
    assert outcome.stderr.count("\n") == 1


def test_memory_that_changes_is_exit_3_in_one_line(
    workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(memory: Tensor, words: Tensor) -> None:
        memory.copy_(words)
        memory[0] ^= 8

    monkeypatch.setattr(runner, "run_stress", partial(run_stress, write=write))
    outcome = call(workload)
    assert outcome.code == ExitCode.WRONG_NUMBERS
    assert outcome.stderr.startswith("workload doctor: the memory of cpu changed; ")
    assert "(first: word 0 of pattern 'address', flipped bits 0x8" in outcome.stderr


def test_without_deep_there_is_no_stress_test(workload: Workload) -> None:
    found = findings(workload("doctor", "--device", "cpu", "--json"))
    assert found["burn-in"]["found"] == "runs with --deep only"


def test_a_missing_gpu_is_not_stressed(workload: Workload) -> None:
    outcome = workload("doctor", "--deep", "--budget", "1", "--device", "cuda:4096", "--json")
    assert outcome.code == ExitCode.UNFIT
    assert findings(outcome)["burn-in"]["found"] == "there is no device for the stress test"


def test_a_device_that_no_check_blames_and_no_stress_test_can_use_is_unfit(
    workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_device: str) -> DeviceInfo:
        raise UnfitError("device cpu is not usable: a kernel failed")

    monkeypatch.setattr(devices, "resolve", refuse)
    outcome = workload("doctor", "--deep", "--budget", "1", "--device", "cpu", "--json")
    assert outcome.code == ExitCode.UNFIT
    assert "device cpu is not usable: a kernel failed" in outcome.stderr


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("--deep", "--quick"), "not allowed with argument"),
        (("--budget", "10"), "--budget is for --deep: give both"),
        (("--deep", "--budget", "0"), "not a finite number above 0"),
    ],
)
def test_contradicting_options_are_bad_input(
    workload: Workload, argv: tuple[str, ...], words: str
) -> None:
    outcome = workload("doctor", *argv)
    assert outcome.code == ExitCode.BAD_INPUT
    assert words in outcome.stderr


def test_the_facts_so_far_are_kept_all_along(
    monkeypatch: pytest.MonkeyPatch, cpu: DeviceInfo
) -> None:
    monkeypatch.setattr(runner, "NOTE_SEC", 0.0)
    told: list[tuple[Deep, str]] = []
    found = run_stress(cpu, BUDGET_SEC, lambda *news: told.append(news))
    assert told[-1] == (found, "done")
    elapsed = [one.elapsed_sec for one, _ in told]
    assert elapsed == sorted(elapsed)
    assert {words.partition(":")[0] for _, words in told} == {
        "float64",
        "float32",
        "memory",
        "done",
    }


def test_a_signal_ends_it_with_the_result_so_far(tmp_path: Path) -> None:
    argv = ["--deep", "--budget", "1e6", "--device", "cpu", "--output", str(tmp_path)]
    command = [sys.executable, "-m", "workload", "doctor", *argv]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        wait_until_busy(process, cpu_sec=4.5)  # of which the imports take some two
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=5)
    assert process.returncode == ExitCode.TERMINATED
    assert stderr == "workload doctor: terminated\n"
    (path,) = tmp_path.glob("*.json")
    saved = records.load(path)
    assert saved.device
    assert saved.device.kind == "cpu"
    assert saved.environment
    assert saved.environment.deep
    (burned,) = saved.environment.deep.burn_ins
    assert burned.products > 0
    (found,) = [finding for finding in saved.findings or () if finding.id == "burn-in"]
    assert found.state is State.PASS


COOL = Reading(1980.0, 500.0, 55.0, 0, 1)
HOT = Reading(1400.0, 700.0, 88.0, 0x40, 1)


def test_the_watch_keeps_the_extremes_and_every_reason() -> None:
    watch = watched([COOL, HOT, COOL], {}, {})
    assert (watch.highest_celsius, watch.lowest_mhz, watch.highest_mhz) == (88.0, 1400.0, 1980.0)
    assert watch.throttled == ("hardware thermal slowdown",)


def test_only_counters_that_rose_are_reported() -> None:
    before = {"PCIe replays": 3, "corrected memory errors": 1}
    after = {"PCIe replays": 3, "corrected memory errors": 5}
    assert watched([COOL], before, after).risen == {"corrected memory errors": 4}


def test_a_gpu_without_counters_leaves_them_unknown() -> None:
    assert watched([COOL], {}, {}).risen is None


def test_a_gpu_without_readings_has_no_extremes() -> None:
    watch = watched([Reading(None, None, None, None, None)], {}, {})
    assert (watch.highest_celsius, watch.lowest_mhz, watch.throttled) == (None, None, ())
