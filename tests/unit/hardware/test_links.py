"""What NVML says about the links between GPUs."""

import sys
from typing import Any

import pytest
from support.fakes.nvml import NvmlError, fake_nvml

from workload.core.models.gpu import SWITCH
from workload.hardware import driver_process, nvml
from workload.hardware.nvml import read_links

ADDRESSES = ["00000000:65:00.0", "00000000:66:00.0"]
TWO_GPUS: dict[str, Any] = {
    "nvmlDeviceGetCount": 2,
    "nvmlDeviceGetHandleByIndex": {"at": [0, 1]},
    "nvmlDeviceGetUUID": {"at": ["GPU-a", "GPU-b"]},
    "nvmlDeviceGetPciInfo": {"at": [{"busId": address} for address in ADDRESSES]},
    "nvmlDeviceGetNvLinkVersion": 6,
    "nvmlDeviceGetNvLinkRemoteDeviceType": 2,
    "nvmlDeviceGetTopologyCommonAncestor": 20,
}


def read(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Any:
    fake = fake_nvml({**TWO_GPUS, **changes})
    monkeypatch.setattr(nvml, "load_nvml", lambda: fake)
    return read_links()


def test_links_to_a_switch_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = read(monkeypatch)
    assert (one.uuid, one.nvlink_generation, one.nvlinks) == ("GPU-a", 4, {SWITCH: 18})
    assert (one.paths, other.paths) == ({"GPU-b": "PXB"}, {"GPU-a": "PXB"})
    assert (one.pcie.generation, one.pcie.width) == (5, 16)


def test_direct_links_are_counted_by_the_gpu_at_their_end(monkeypatch: pytest.MonkeyPatch) -> None:
    far = {"busId": ADDRESSES[1]}
    direct = {"nvmlDeviceGetNvLinkRemoteDeviceType": 0, "nvmlDeviceGetNvLinkRemotePciInfo": far}
    assert read(monkeypatch, **direct)[0].nvlinks == {"GPU-b": 18}


def test_what_is_at_the_end_of_a_link_may_be_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    far = {"busId": "00000000:99:00.0"}
    direct = {"nvmlDeviceGetNvLinkRemoteDeviceType": 0, "nvmlDeviceGetNvLinkRemotePciInfo": far}
    assert read(monkeypatch, **direct)[0].nvlinks == {}


def test_inactive_links_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, nvmlDeviceGetNvLinkState=0)[0].nvlinks == {}


@pytest.mark.parametrize("missing", ["Version", "RemoteDeviceType"])
def test_an_answer_that_is_missing_is_left_out(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = {"error": "Not Supported"}
    found = read(monkeypatch, **{f"nvmlDeviceGetNvLink{missing}": refused})[0]
    assert (found.nvlink_generation is None) == (missing == "Version")
    assert (found.nvlinks == {}) == (missing == "RemoteDeviceType")


def test_a_gpu_off_the_bus_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = {"error": "GPU is lost"}
    found = read(monkeypatch, nvmlDeviceGetHandleByIndex={"at": [lost, 1]})
    assert [gpu.uuid for gpu in found] == ["GPU-b"]


def test_without_an_answer_of_nvml_there_are_no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NvmlError, match="Driver Not Loaded"):
        read(monkeypatch, nvmlInit={"error": "Driver Not Loaded"})
    monkeypatch.setattr(driver_process, "driver_visible", lambda: True)
    monkeypatch.setattr(driver_process, "CHILD", (sys.executable, "-c", "raise SystemExit(1)"))
    assert driver_process.gpu_links() == ()
