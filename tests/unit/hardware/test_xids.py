"""The driver's errors come from the kernel's log, and as events while a command runs."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support import trees
from support.fakes.nvml import NvmlError, fake_nvml

from workload.core.models.xid import Xid
from workload.hardware.xids import XidEvents, parse_log, read_boot_id, read_logged_xids

LOG = """\
6,1,100,-;Linux version 6.8.0
3,2,9000000,-;NVRM: Xid (PCI:0000:65:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off \
the bus.
 SUBSYSTEM=pci
3,3,9500000,-;NVRM: Xid (PCI:0000:65:00): 154, GPU recovery action changed from 0x0 (None) to 0x2 \
(Node Reboot Required)
6,4,9600000,-;nvidia-nvlink: Nvlink Core is being initialized
"""


def test_xids_are_read_from_the_kernels_log(tmp_path: Path) -> None:
    trees.write(tmp_path, "dev/kmsg", LOG)
    first, second = read_logged_xids(tmp_path) or ()
    assert (first.address, first.number, first.at_sec) == ("0000:65:00.0", 79, 9.0)
    assert first.text.endswith("GPU has fallen off the bus.")
    assert second.number == 154


def test_lines_of_dmesg_and_the_journal_are_understood() -> None:
    lines = (
        "[ 1234.567890] NVRM: Xid (PCI:0000:3b:00): 13, pid=99, Graphics Exception\n"
        "Nov 29 12:00:00 host kernel: NVRM: Xid (PCI:00000000:3B:00.0): 31, pid=99, MMU Fault\n"
    )
    assert [(one.address, one.number) for one in parse_log(lines)] == [
        ("0000:3b:00.0", 13),
        ("0000:3b:00.0", 31),
    ]


def test_a_log_that_may_not_be_read_is_unknown(tmp_path: Path) -> None:
    assert read_logged_xids(tmp_path) is None


def test_a_log_without_errors_has_no_xids(tmp_path: Path) -> None:
    trees.write(tmp_path, "dev/kmsg", "6,1,100,-;Linux version 6.8.0\n")
    assert read_logged_xids(tmp_path) == ()


def test_the_boot_id_is_that_of_the_kernel(tmp_path: Path) -> None:
    trees.write(tmp_path, "proc/sys/kernel/random/boot_id", "a-b\n")
    assert read_boot_id(tmp_path) == "a-b"
    assert read_boot_id(tmp_path / "elsewhere") is None


def driver_with(*numbers: int, **answers: Any) -> Any:
    """A driver that reports these Xids, once."""
    left = list(numbers)

    def wait(_set: object, _msec: int) -> Any:
        if not left:
            raise NvmlError("Timeout")
        return SimpleNamespace(device="a handle", eventData=left.pop(0))

    nvml = fake_nvml(
        {"nvmlEventSetCreate": "events", "nvmlEventSetFree": None, "nvmlDeviceRegisterEvents": None}
        | answers
    )
    nvml.nvmlEventSetWait_v2 = wait
    return nvml


def collected(nvml: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Xid, ...]:
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    with XidEvents() as events:
        pass
    return events.collect()


def test_xids_of_a_run_are_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    found = collected(driver_with(48, 94), monkeypatch)
    assert [(one.number, one.address, one.during_run) for one in found] == [
        (48, "0000:65:00.0", True),
        (94, "0000:65:00.0", True),
    ]


@pytest.mark.parametrize(
    "nvml",
    [
        driver_with(48, nvmlInit={"error": "Driver Not Loaded"}),
        driver_with(48, nvmlEventSetCreate={"error": "Not Supported"}),
        None,
    ],
    ids=["no driver", "no events", "no binding"],
)
def test_without_a_driver_there_are_no_xids(nvml: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert collected(nvml, monkeypatch) == ()


def test_a_gpu_without_events_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = driver_with(79, nvmlDeviceRegisterEvents={"error": "GPU is lost"})
    assert [one.number for one in collected(lost, monkeypatch)] == [79]
