"""First boot beside the machine's own updates: locks that are held, and a dpkg that was cut off."""

from collections.abc import Callable

import pytest
from support.vm import Vm

HOLDER = "/etc/systemd/system/workload-first-boot.service.wants/hold-locks.service"
LOCKS = (
    "/var/lib/apt/lists/lock",
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/cache/apt/archives/lock",
)

PASSING = (
    "W: Failed to fetch http://a/b  Temporary failure resolving 'archive.ubuntu.com'",
    "E: Release file for http://a/b is not valid yet (invalid for another 3h 2min 1s).",
    "E: Failed to fetch http://a  File has unexpected size (1 != 2). Mirror sync in progress?",
    "E: Failed to fetch http://a/b  Hash Sum mismatch",
    "W: Failed to fetch http://a  Could not connect to a:80 (192.0.2.1), connection timed out",
    "E: Failed to fetch http://a/b  503  Service Unavailable [IP: 192.0.2.1 80]",
    "W: Failed to fetch http://a/b  Unable to connect to archive.ubuntu.com:http:",
    "W: Failed to fetch http://a/b  Something wicked happened resolving 'a:http' (-5)",
    "E: Failed to fetch http://a/b  Error reading from server. Remote end closed connection",
    "E: Failed to fetch https://a/b  Could not handshake: The TLS connection was terminated",
    "E: Failed to fetch https://a/b  429  Too Many Requests [IP: 192.0.2.1 443]",
    "W: https://a  The certificate chain uses not yet valid certificate.",
    "E: Could not open file /var/lib/apt/lists/a_Packages - open (2: No such file)",
    "debconf: DbDriver: /var/cache/debconf/config.dat is locked by another process",
    "dpkg: error: dpkg frontend lock was locked by another process with pid 1234",
)


@pytest.fixture(scope="module")
def vm(make_vm: Callable[..., Vm], pulled: str) -> Vm:
    """A VM on which every lock is held on its first boot and on the one after the driver."""
    vm = make_vm(
        # sleep: a stub, so that waiting between two tries takes no time.
        *("apt-get", "curl", "modprobe", "docker", "sleep"),
        links={HOLDER: "/etc/systemd/system/hold-locks.service"},
        CLOUD="gcp",
        # What comes after the packages does not matter here.
        IMAGE=pulled.partition("@")[0] + "@sha256:" + "0" * 64,
    )
    vm.wait_for_power_off()
    vm.boot()
    vm.settle()
    return vm


@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize("step", ["driver", "toolkit"])
def test_it_waits_for_a_lock_and_names_who_holds_it(vm: Vm, step: str, lock: str) -> None:
    journal = vm.sh("journalctl --no-pager --unit workload-first-boot")
    waits = f"first-boot: {step}: waiting for apt-get: E: Could not get lock {lock}. "
    assert f"{waits}It is held by process " in journal


def test_it_goes_on_when_they_are_free(vm: Vm) -> None:
    vm.sh("dpkg --status nvidia-utils-580-server nvidia-container-toolkit")
    assert vm.status["step"] == "pull", vm.status


def test_it_finishes_what_dpkg_was_cut_off_in(vm: Vm) -> None:
    vm.sh(f"rm {HOLDER} && systemctl daemon-reload && dpkg --purge nvidia-container-toolkit")
    vm.sh("touch /var/lib/dpkg/updates/0001")
    vm.run_again()
    vm.sh("dpkg --status nvidia-container-toolkit")
    assert "dpkg was interrupted" in vm.sh("journalctl --no-pager --unit workload-first-boot")


@pytest.fixture(scope="module")
def waits(vm: Vm) -> str:
    """The journal of an installation in which apt-get said each of these, try by try."""
    vm.sh("dpkg --purge nvidia-container-toolkit && mkdir -p /etc/as-if")
    vm.sh("cat >/etc/as-if/apt-says <<'EOF'\n" + "\n".join(PASSING) + "\nEOF")
    vm.run_again()
    vm.sh("dpkg --status nvidia-container-toolkit")
    return vm.sh("journalctl --no-pager -u workload-first-boot")


@pytest.mark.parametrize("said", PASSING)
def test_it_waits_for_what_passes_by_itself(waits: str, said: str) -> None:
    assert f"waiting for apt-get: {said}" in waits


def test_a_source_that_is_gone_is_no_hindrance_where_it_is_not_needed(vm: Vm) -> None:
    vm.sh("dpkg --purge nvidia-container-toolkit")
    vm.sh("echo 'deb [trusted=yes] file:/opt/gone ./' >>/etc/apt/sources.list")
    vm.run_again()
    vm.sh("sed -i /gone/d /etc/apt/sources.list")
    vm.sh("dpkg --status nvidia-container-toolkit")


def test_a_package_that_no_source_has_is_not_waited_for(vm: Vm) -> None:
    vm.sh("dpkg --purge nvidia-container-toolkit")
    vm.sh("sed -i s/nvidia-container-toolkit/another/ /opt/packages/Packages")
    vm.run_again()
    assert vm.status["step"] == "toolkit"
    assert "E: Unable to locate package nvidia-container-toolkit" in vm.status["what"]
    assert vm.status["do"].startswith("take an image that has it")
