"""The driver's errors of a run are collected: Xids as events, NVLink errors as counts."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support import trees
from support.fakes.nvml import NvmlError, fake_nvml

from workload.core.models.xid import LinkErrors
from workload.hardware.driver_errors import ERROR_TIMEOUT, DriverErrors, Reported

NOWHERE = Path("/nowhere")  # without a log
RECOVERY, REPLAYS, CRC = 230, 52, 38  # numbers of fields


def driver_with(*numbers: int, **answers: Any) -> Any:
    """A driver that reports these Xids, once."""
    left = list(numbers)

    def wait(_set: object, _msec: int) -> Any:
        if not left:
            raise NvmlError("Timeout", ERROR_TIMEOUT)
        return SimpleNamespace(device="a handle", eventData=left.pop(0))

    nvml = fake_nvml({"nvmlEventSetCreate": "events", "nvmlDeviceRegisterEvents": None} | answers)
    nvml.nvmlEventSetWait_v2 = wait
    return nvml


def collected(nvml: Any, monkeypatch: pytest.MonkeyPatch) -> Reported:
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    return DriverErrors(NOWHERE).collect()


def test_xids_of_a_run_are_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    found = collected(driver_with(48, 94), monkeypatch).xids or ()
    assert [(one.number, one.address, one.during_run) for one in found] == [
        (48, "0000:65:00.0", True),
        (94, "0000:65:00.0", True),
    ]


def test_an_xid_has_what_the_driver_asks_for_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    (xid,) = collected(driver_with(48, fields={RECOVERY: 1}), monkeypatch).xids or ()
    assert xid.recovery_action == 1
    unsupported = driver_with(48)
    unsupported.NVML_FI_DEV_GET_GPU_RECOVERY_ACTION = 9999  # not among the answers
    (xid,) = collected(unsupported, monkeypatch).xids or ()
    assert xid.recovery_action is None


def test_a_gpu_that_is_lost_meanwhile_still_has_its_xid(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = driver_with(79)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    errors = DriverErrors(NOWHERE)
    nvml.nvmlDeviceGetPciInfo = None  # nothing of it answers any more
    (xid,) = errors.collect().xids or ()
    assert (xid.number, xid.address) == (79, "0000:65:00.0")


@pytest.mark.parametrize(
    "nvml",
    [
        driver_with(48, nvmlInit={"error": "Driver Not Loaded"}),
        driver_with(48, nvmlEventSetCreate={"error": "Not Supported"}),
        driver_with(48, nvmlDeviceRegisterEvents={"error": "Not Supported"}),
        None,
    ],
    ids=["no driver", "no events", "no events of this GPU", "no binding"],
)
def test_where_no_error_would_be_reported_they_are_unknown(
    nvml: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert collected(nvml, monkeypatch) == Reported(None, None)


def test_a_gpu_without_events_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = driver_with(79, nvmlDeviceGetCount=2)
    one_of_two = iter([NvmlError("GPU is lost"), None])

    def register(*_: object) -> None:
        error = next(one_of_two)
        if error:
            raise error

    nvml.nvmlDeviceRegisterEvents = register
    assert [one.number for one in collected(nvml, monkeypatch).xids or ()] == [79]


def test_errors_of_the_links_are_those_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = driver_with(fields={REPLAYS: 5, CRC: 9})
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    errors = DriverErrors(NOWHERE)
    assert errors.collect().link_errors == ()
    nvml.nvmlDeviceGetFieldValues = fake_nvml(
        {"fields": {REPLAYS: 7, CRC: 9}}
    ).nvmlDeviceGetFieldValues
    assert errors.collect().link_errors == (LinkErrors("0000:65:00.0", {"replays": 2}),)


def test_a_gpu_without_nvlink_has_no_errors_of_links(monkeypatch: pytest.MonkeyPatch) -> None:
    assert collected(driver_with(), monkeypatch).link_errors is None


def test_xids_of_a_gpu_without_events_come_from_the_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = "3,1,1,-;NVRM: Xid (PCI:0000:65:00): 13, before\n"
    new = "3,2,2,-;NVRM: Xid (PCI:0000:65:00): 48, during\n"
    trees.write(tmp_path, "dev/kmsg", old)
    nvml = driver_with(nvmlDeviceRegisterEvents={"error": "Not Supported"})
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    errors = DriverErrors(tmp_path)
    assert errors.collect().xids == ()
    trees.write(tmp_path, "dev/kmsg", old + new)
    (xid,) = errors.collect().xids or ()
    assert (xid.number, xid.text, xid.during_run) == (48, "during", True)


def test_an_xid_is_not_both_an_event_and_a_line_of_the_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trees.write(tmp_path, "dev/kmsg", "")
    monkeypatch.setitem(sys.modules, "pynvml", driver_with(48))
    errors = DriverErrors(tmp_path)
    trees.write(tmp_path, "dev/kmsg", "3,2,2,-;NVRM: Xid (PCI:0000:65:00): 48, during\n")
    assert [xid.text for xid in errors.collect().xids or ()] == [""]


def test_the_log_says_why_a_gpu_was_lost_in_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def wait(*_: object) -> None:
        raise NvmlError("GPU is lost", 15)

    trees.write(tmp_path, "dev/kmsg", "")
    nvml = driver_with()
    nvml.nvmlEventSetWait_v2 = wait
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    errors = DriverErrors(tmp_path)
    trees.write(tmp_path, "dev/kmsg", "3,2,2,-;NVRM: Xid (PCI:0000:65:00): 79, fallen\n")
    assert [(xid.number, xid.text) for xid in errors.collect().xids or ()] == [(79, "fallen")]
