"""What the driver says of a GPU is weighed by when it was said; unknown stays unknown."""

from typing import Any

import pytest
from msgspec.structs import replace
from support.doctor.machines import DRIVER, machine
from support.fakes.devices import H200, HEALTHY
from support.records.examined import ADDRESS, logged, record

from workload.core.models.action import Action, Advice
from workload.core.models.gpu import Gpu, NvLinks
from workload.core.models.xid import LinkErrors, Xid
from workload.doctor.actions.decide import advise
from workload.doctor.actions.xids import catalog
from workload.doctor.checks import pytorch
from workload.hardware.kernel_log import MAX_XIDS

CHANGED = "GPU recovery action changed from 0x0 (None) to "


def advice(**changes: Any) -> Advice:
    return advise(record(machine(**changes)))


def silent(code: int | None, error: str | None, index: int = 1) -> Gpu:
    """A GPU that the driver lists and does not show."""
    return replace(H200, index=index, name=None, uuid=None, state=None, error=error, code=code)


def several(*gpus: Gpu, **changes: Any) -> Any:
    return machine(driver=replace(DRIVER, gpus=gpus), **changes)


def linked(index: int, nvlinks: NvLinks, name: str = "NVIDIA H200") -> Gpu:
    health = replace(HEALTHY.health, nvlinks=nvlinks)  # type: ignore[type-var]  # it has one
    pcie = replace(HEALTHY.pcie, address=f"0000:{index:02x}:00.0")
    state = replace(HEALTHY, health=health, pcie=pcie)
    return replace(H200, index=index, name=name, uuid=f"GPU-{index}", state=state)


def during(number: int, recovery_action: int | None = None) -> Xid:
    return Xid(ADDRESS, number, "", None, during_run=True, recovery_action=recovery_action)


def test_what_the_driver_asks_for_after_an_error_of_the_run_counts() -> None:
    found = advise(record(xids=[during(48, 1), during(154, 1)]))
    assert (found.action, found.gpus[0].fault) == (Action.RESET_GPU, "recovery-1")


def test_what_was_asked_for_before_a_gpu_fell_silent_does_not_count() -> None:
    found = advise(record(machine(health__recovery_action=0), xids=[during(79)])).gpus[0]
    assert (found.action, found.fault) == (Action.REBOOT, "xid-79")


@pytest.mark.parametrize("cut", ["to", "to ", "to 0", "to 0x", "to 0x1", "to 0x0"])
def test_a_recovery_action_that_is_cut_off_is_not_none(cut: str) -> None:
    xids = (logged(48), logged(154, CHANGED.removesuffix("to ") + cut))
    found = advice(health__recovery_action=None, xids=xids)
    assert (found.action, found.gpus[0].fault) == (Action.RESET_GPU, "xid-48")


def test_an_older_recovery_action_does_not_stand_in_for_one_that_is_cut_off() -> None:
    xids = (logged(48), logged(154, f"{CHANGED}0x0 (None)"), logged(154, f"{CHANGED}0x"))
    assert advice(health__recovery_action=None, xids=xids).action is Action.RESET_GPU


def test_an_unlisted_xid_drains_the_machine_whatever_the_driver_asks_for() -> None:
    found = advice(health__recovery_action=0, xids=(logged(999, "something new"),))
    assert found.action is Action.DRAIN
    assert found.evidence == ("Xid 999 in the kernel's log at 9 s after boot: something new",)


def test_thousands_of_equal_xids_are_one_line_of_evidence() -> None:
    xids = tuple(logged(13, f"pid={number}", number) for number in range(MAX_XIDS))
    found = advice(health__recovery_action=None, xids=xids[:-1])
    assert found.evidence == (
        "Xid 13 in the kernel's log, 999 times, at 998 s after boot: pid=998",
    )
    (line,) = advice(health__recovery_action=None, xids=xids).evidence  # older ones are not kept
    assert line.startswith("Xid 13 in the kernel's log, at least 1000 times, at 999 s")


def test_the_evidence_of_many_kinds_of_xids_is_short() -> None:
    found = advice(health__recovery_action=1, xids=tuple(map(logged, catalog())))
    assert len(found.evidence) == 7
    assert found.evidence[1] == f"{len(catalog()) - 5} other kinds of Xids"


def test_a_lost_gpu_has_nvmls_code_and_the_xids_of_no_other_gpu() -> None:
    xids = (Xid("0000:66:00.0", 79, "GPU has fallen off the bus.", 9.0), logged(13))
    found = advise(record(several(H200, silent(15, "GPU is lost"), xids=xids))).gpus[1]
    assert found.action is Action.REBOOT
    assert found.reason == "the driver does not reach it (NVML code 15: GPU is lost)"
    assert found.evidence == (
        "Xid 79 of 0000:66:00.0 in the kernel's log at 9 s after boot: GPU has fallen off the bus.",
    )


def test_a_gpu_of_another_container_asks_for_nothing_and_is_not_called_healthy() -> None:
    found = advise(record(several(H200, silent(4, "Insufficient Permissions"))))
    assert found.gpus[1].action is Action.NONE
    assert found.gpus[1].reason == (
        "this process may not use it (NVML code 4: Insufficient Permissions)"
    )
    assert found.reason == f"GPU 1: {found.gpus[1].reason}"


def test_a_gpu_without_a_code_is_lost_too() -> None:
    found = advise(record(several(silent(None, None)))).gpus[0]
    assert found.reason == "the driver does not reach it (NVML gives no reason)"


def test_a_recovery_action_that_is_unknown_is_not_called_none() -> None:
    state = replace(
        HEALTHY,
        health=replace(HEALTHY.health, recovery_action=None),  # type: ignore[type-var]  # it has one
        silent={"recovery-action": "Not Supported"},
    )
    found = advise(record(several(replace(H200, state=state)))).gpus[0]
    assert found.action is Action.NONE
    assert found.reason == (
        "the driver reports no fault; its recovery action is unknown (Not Supported)"
    )


def test_fewer_nvlinks_than_another_gpu_of_the_model_ask_for_a_reset() -> None:
    full, down = NvLinks(18, (), {}), NvLinks(16, (3, 9), {})
    found = advise(record(several(linked(0, full), linked(1, down))))
    assert [gpu.action for gpu in found.gpus] == [Action.NONE, Action.RESET_GPU]
    assert found.gpus[1].evidence == ("16 of 18 NVLinks are active; inactive: 3, 9",)


@pytest.mark.parametrize(
    "other",
    [
        linked(1, NvLinks(0, tuple(range(18)), {})),
        linked(1, NvLinks(12, (), {}), name="NVIDIA A100"),
    ],
    ids=["without a bridge", "of another model"],
)
def test_other_counts_of_nvlinks_are_no_fault(other: Gpu) -> None:
    assert advise(record(several(linked(0, NvLinks(18, (), {})), other))).action is Action.NONE


def test_replays_of_nvlinks_during_the_run_ask_for_a_reset() -> None:
    errors = [LinkErrors(ADDRESS, {"replays": 3, "CRC errors (data)": 8})]
    found = advise(record(link_errors=errors))
    assert found.gpus[0].fault == "nvlink-errors"
    assert found.evidence == (
        "NVLink replays during this run: 3",
        "NVLink CRC errors (data) during this run: 8",
    )


def test_errors_of_nvlinks_before_the_run_or_corrected_ones_ask_for_nothing() -> None:
    assert advice(health__nvlinks=NvLinks(18, (), {"replays": 3})).action is Action.NONE
    corrected = [LinkErrors(ADDRESS, {"CRC errors (data)": 8})]
    assert advise(record(link_errors=corrected)).action is Action.NONE
    elsewhere = [LinkErrors("0000:66:00.0", {"replays": 3})]
    assert advise(record(link_errors=elsewhere)).action is Action.NONE


def test_cuda_says_of_each_gpu_that_it_does_not_see_why() -> None:
    gpus = (
        H200,
        silent(15, "GPU is lost"),
        silent(4, "Insufficient Permissions", 2),
        replace(H200, index=3, uuid="GPU-0003"),
    )
    found = pytorch.cuda_start.run(several(*gpus))
    assert found.found == "CUDA sees 1 of the driver's 4 GPUs: NVIDIA H200"
    assert found.why == (
        "GPU 1: the driver does not reach it (NVML code 15: GPU is lost); "
        "GPU 2: this process may not use it (NVML code 4: Insufficient Permissions); "
        "GPU 3 NVIDIA H200: the driver lists it, but CUDA does not"
    )
