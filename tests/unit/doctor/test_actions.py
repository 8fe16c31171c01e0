"""One action follows from what the driver reports and what was measured."""

from typing import Any

import pytest
from msgspec.structs import replace
from support.doctor.machines import DRIVER, machine
from support.fakes.devices import H200, HEALTHY
from support.records import measured, synthetic
from support.records.examined import ADDRESS, logged, record

from workload.core.errors import ExitCode
from workload.core.models.action import Action, Advice
from workload.core.models.case import CaseStatus
from workload.core.models.finding import Finding, State
from workload.core.models.gpu import Fabric
from workload.core.models.xid import Xid
from workload.core.train_spec import PRESETS
from workload.doctor.actions import xids as xid_table
from workload.doctor.actions.decide import advise
from workload.doctor.actions.kinds import fault
from workload.doctor.checks.check import WRONG

RESET = "GPU recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required)"


def action(**changes: Any) -> Action:
    """The action for the H200 machine with these changes."""
    return advise(record(machine(**changes))).action


def test_a_healthy_machine_needs_no_action() -> None:
    assert advise(record()) == Advice(Action.NONE, "nothing is wrong", gpus=advise(record()).gpus)
    assert [gpu.action for gpu in advise(record()).gpus] == [Action.NONE]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, Action.NONE),
        (1, Action.RESET_GPU),
        (2, Action.REBOOT),
        (3, Action.RESTART_APP),
        (4, Action.RESET_GPU),
        (5, Action.FIX_HOST),
        (6, Action.RESET_GPU),
        (7, Action.REBOOT),
        (42, Action.DRAIN),
    ],
)
def test_the_drivers_recovery_action_is_the_action(number: int, expected: Action) -> None:
    assert action(health__recovery_action=number) is expected


def test_a_recovery_action_without_an_answer_is_not_none() -> None:
    facts = machine(health__recovery_action=None, xids=(logged(48),))
    assert advise(record(facts)).action is Action.RESET_GPU


def test_drain_p2p_is_no_drain_of_the_machine() -> None:
    found = advise(record(machine(health__recovery_action=3)))
    assert found.action is Action.RESTART_APP
    assert "stop the jobs that use NVLink or peer-to-peer copies" in found.reason


@pytest.mark.parametrize("number", [13, 31, 43, 45, 68])
def test_an_xid_that_programs_cause_asks_for_a_restart_of_the_program(number: int) -> None:
    facts = machine(health__recovery_action=None, xids=(logged(number),))
    assert advise(record(facts)).action is Action.RESTART_APP


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (63, Action.NONE),
        (94, Action.RESTART_APP),
        (54, Action.FIX_HOST),
        (48, Action.RESET_GPU),
        (95, Action.RESET_GPU),
        (119, Action.RESET_GPU),
        (79, Action.REBOOT),
        (108, Action.NONE),
        (163, Action.NONE),
        (171, Action.RESET_GPU),
        (172, Action.RESET_GPU),
        (2, Action.DRAIN),
        (142, Action.DRAIN),
        (165, Action.DRAIN),
        (999, Action.DRAIN),
    ],
)
def test_an_xid_asks_for_what_nvidias_catalog_says(number: int, expected: Action) -> None:
    assert action(health__recovery_action=None, xids=(logged(number),)) is expected
    during = replace(logged(number), during_run=True)
    facts = machine(health__recovery_action=None)
    assert advise(record(facts, xids=[during])).action is expected


def test_the_newest_xid_154_outranks_the_table() -> None:
    xids = (logged(79), logged(154, RESET))
    assert action(health__recovery_action=None, xids=xids) is Action.RESET_GPU
    back = logged(154, "GPU recovery action changed from 0x1 (GPU Reset Required) to 0x0 (None)")
    assert action(health__recovery_action=None, xids=(*xids, back)) is Action.NONE


def test_an_xid_154_without_a_text_asks_for_nothing_by_itself() -> None:
    event = Xid(ADDRESS, 154, "", None, during_run=True)
    assert advise(record(xids=[event])).action is Action.NONE


def test_a_known_recovery_action_outranks_an_xid_of_the_log() -> None:
    assert action(health__recovery_action=0, xids=(logged(79),)) is Action.NONE


def test_an_xid_during_the_run_asks_for_a_restart_where_the_driver_asks_for_nothing() -> None:
    during = Xid(ADDRESS, 48, "", None, during_run=True, recovery_action=0)
    found = advise(record(xids=[during]))
    assert found.action is Action.RESTART_APP
    assert found.evidence == ("Xid 48 during this run",)


def test_an_xid_of_another_gpu_asks_for_nothing_of_this_one() -> None:
    facts = machine(
        health__recovery_action=None, xids=(replace(logged(79), address="0000:66:00.0"),)
    )
    assert advise(record(facts)).gpus[0].action is Action.NONE


def test_every_row_of_the_table_names_its_source() -> None:
    sources = {row.source for row in xid_table.catalog().values()}
    assert sources == {
        "NVIDIA Xid catalog, 2025-10-29",
        "NVIDIA k8s-device-plugin, internal/rm/health.go",
    }


@pytest.mark.parametrize(
    ("fabric", "expected"),
    [
        (Fabric("in progress", None), Action.RETRY),
        (Fabric("not started", None), Action.FIX_HOST),
        (Fabric("completed", "Not Supported"), Action.FIX_HOST),
        (Fabric("completed", None, ("unhealthy route",)), Action.DRAIN),
        (Fabric("completed", None), Action.NONE),
        (Fabric("number 7", None), Action.DRAIN),
    ],
)
def test_the_state_of_the_fabric_asks_for_an_action(fabric: Fabric, expected: Action) -> None:
    assert action(health__fabric=fabric) is expected


def test_too_many_sram_errors_drain_the_machine() -> None:
    assert action(health__sram_threshold_exceeded=True) is Action.DRAIN


@pytest.mark.parametrize(
    ("code", "expected"), [(4, Action.NONE), (15, Action.REBOOT), (16, Action.RESET_GPU)]
)
def test_the_code_of_a_gpu_without_an_answer_asks_for_an_action(
    code: int, expected: Action
) -> None:
    silent = replace(H200, name=None, uuid=None, state=None, error="…", code=code)
    driver = replace(DRIVER, gpus=(H200, silent))
    assert advise(record(machine(driver=driver))).gpus[1].action is expected


def test_a_driver_that_hangs_asks_for_a_reboot() -> None:
    hung = Finding("gpu-driver", State.FAIL, "the NVIDIA driver did not answer", case="hung")
    assert advise(record(findings=[hung])).action is Action.REBOOT


def test_a_gpu_that_the_driver_does_not_reach_asks_for_a_reboot() -> None:
    lost = replace(H200, name=None, uuid=None, state=None)
    facts = machine(driver=replace(DRIVER, gpus=(lost,)))
    assert advise(record(facts)).action is Action.REBOOT


def test_wrong_numbers_drain_the_machine_and_name_what_to_run_next() -> None:
    wrong = Finding("burn-in", State.FAIL, "1 wrong matmul", case=WRONG)
    found = advise(record(findings=[wrong], code=ExitCode.WRONG_NUMBERS))
    assert found.action is Action.DRAIN
    assert "run `workload doctor --deep`" in found.reason
    case = replace(measured.case(), status=CaseStatus.WRONG)
    assert advise(record(cases=[case])).action is Action.DRAIN


@pytest.mark.parametrize(("preset", "expected"), [("book", Action.DRAIN), ("printed", Action.NONE)])
def test_a_training_that_should_converge_is_wrong_if_it_does_not(
    preset: str, expected: Action
) -> None:
    spec = PRESETS[preset]
    diverged = replace(
        synthetic.training("book", synthetic.CPU),
        preset=preset,
        input_size=spec.input_size,
        learning_rate=spec.learning_rate,
        diverged_at_step=5,
    )
    assert advise(record(train=[diverged])).action is expected


def test_a_failed_check_asks_to_fix_the_host() -> None:
    failed = Finding("shm", State.FAIL, "shared memory is full", case="full")
    found = advise(record(findings=[failed]))
    assert (found.action, found.reason) == (Action.FIX_HOST, "shm: shared memory is full")


def test_a_time_that_says_nothing_asks_to_try_again() -> None:
    case = replace(measured.case(), status=CaseStatus.INVALID, reason="too noisy")
    assert advise(record(cases=[case])).action is Action.RETRY


def test_a_lost_device_asks_for_a_reboot() -> None:
    lost = fault("lost-device", "cuda:0 was lost (unknown error)")
    assert advise(record(), faults=[lost]).action is Action.REBOOT


def test_the_machine_takes_the_action_of_its_worst_gpu() -> None:
    def gpu(index: int, **health: Any) -> Any:
        state = replace(HEALTHY, health=replace(HEALTHY.health, **health))  # type: ignore[type-var]  # it has one
        return replace(H200, index=index, uuid=f"GPU-{index}", state=state)

    gpus = [gpu(index) for index in range(8)]
    gpus[2] = gpu(2, recovery_action=3)
    gpus[5] = gpu(5, recovery_action=2)
    gpus[6] = gpu(6, recovery_action=1)
    found = advise(record(machine(driver=replace(DRIVER, gpus=tuple(gpus)))))
    assert found.action is Action.REBOOT
    assert found.reason == "GPU 5 NVIDIA H200: the driver asks for a reboot"
    actions = [str(one.action) for one in found.gpus]
    assert actions == ["none", "none", "restart-app", "none", "none", "reboot", "reset-gpu", "none"]
