"""HGX machines, whose fabric manager has the driver's version, and a driver that was updated."""

from collections.abc import Callable

import pytest
from support.vm import GPU, PCI_DEVICES, Vm

NVSWITCH = {"0000:01:00.0/vendor": "0x10de", "0000:01:00.0/class": "0x068000"}


@pytest.fixture(scope="module")
def hgx(make_vm: Callable[..., Vm], pulled: str) -> Vm:
    """A VM with a driver and NVSwitches."""
    vm = make_vm(
        *("curl", "modprobe", "docker", "nvidia-smi", "nvidia-ctk"),
        pci=GPU | NVSWITCH,
        CLOUD="gcp",
        # What comes after the fabric manager does not matter here.
        IMAGE=pulled.partition("@")[0] + "@sha256:" + "0" * 64,
    )
    vm.settle()
    return vm


def test_the_fabric_manager_of_the_drivers_version_is_started(hgx: Vm) -> None:
    shown = hgx.sh("dpkg-query --show nvidia-fabricmanager-580").split()[1]
    assert shown == "580.95.05-0ubuntu1"
    assert hgx.sh("systemctl is-active nvidia-fabricmanager") == "active\n"


def test_it_says_so(hgx: Vm) -> None:
    said = "first-boot: fabric: this machine has NVSwitches, and its fabric manager is started"
    assert said in hgx.sh("journalctl --no-pager --unit workload-first-boot")


def test_nvlink_5_gets_its_modules_and_subnet_manager_too(hgx: Vm) -> None:
    bridge = f"{PCI_DEVICES}/0000:02:00.0"
    hgx.sh(
        f"mkdir {bridge} && echo 0x15b3 >{bridge}/vendor && printf 'x\\0SMDL=SW_MNG' >{bridge}/vpd"
    )
    hgx.sh("systemctl stop nvidia-fabricmanager")
    hgx.run_again()
    hgx.sh("dpkg --status nvlsm && systemctl is-active nvidia-fabricmanager")
    assert "modprobe -a mlx5_ib ib_umad" in hgx.calls


def test_a_driver_without_its_fabric_manager_says_which_image_to_take(hgx: Vm) -> None:
    hgx.sh("systemctl stop nvidia-fabricmanager && dpkg --purge nvidia-fabricmanager-580")
    hgx.sh("sed -i s/580.95.05-0/580.1-0/ /opt/packages/Packages")
    hgx.run_again()
    hgx.sh("sed -i s/580.1-0/580.95.05-0/ /opt/packages/Packages")
    assert hgx.status["step"] == "fabric"
    assert "Version '580.95.05*' for 'nvidia-fabricmanager-580' was not found" in hgx.status["what"]
    assert hgx.status["do"].startswith("take an image that has it")


def test_gpus_that_do_not_join_the_fabric_are_no_doctors_riddle(hgx: Vm) -> None:
    hgx.sh(
        "mkdir -p /etc/as-if && touch /etc/as-if/joining && ln -s /opt/stub /usr/local/bin/sleep"
    )
    hgx.run_again()
    hgx.sh("rm /etc/as-if/joining /usr/local/bin/sleep")
    assert hgx.status["step"] == "fabric"
    assert hgx.status["what"].startswith("the GPUs do not join the NVLink fabric")
    assert hgx.calls[-2:] == ["sleep 60", "nvidia-smi -q"]


def test_a_driver_that_was_updated_is_rebooted_once(hgx: Vm) -> None:
    hgx.sh("mkdir -p /etc/as-if && touch /etc/as-if/mismatched")
    hgx.sh("systemctl restart --no-block workload-first-boot")
    hgx.wait_for_power_off()
    hgx.boot()
    assert hgx.settle() == "failed"
    assert hgx.status["step"] == "driver"
    assert hgx.status["what"].startswith(
        "driver and library have different versions, after a reboot"
    )
    assert hgx.status["do"].startswith("reboot: sudo reboot")
