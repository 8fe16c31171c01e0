"""SHUTDOWN=1 shuts the machine down, with the record safe, whatever else goes wrong."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.vm import API, SHORT, STATE, Vm

DELETED = (
    f"curl {API} -X DELETE https://compute.googleapis.com/compute/v1"
    "/projects/mine/zones/here-a/instances/vm"
)
DEALLOCATED = (
    f"curl {API} --data  -H Content-Type: application/json https://management.azure.com/subscriptions/0/resourceGroups/mine"
    "/providers/Microsoft.Compute/virtualMachines/vm/deallocate?api-version=2024-03-01"
)
AZURE_UPLOAD = "https://mine.blob.core.windows.net/records"


@pytest.fixture(scope="module")
def ended(make_vm: Callable[..., Vm]) -> Vm:
    """A VM on AWS that has run. It stays on, for the tests: its power-off is only noted."""
    vm = make_vm(
        *("aws", "curl", "docker", "sleep", "systemctl"),
        pci={},
        CLOUD="aws",
        DEVICE="cpu",
        ARGS=SHORT,
        UPLOAD="s3://records/vm",
        SHUTDOWN="1",
    )
    vm.settle()
    return vm


@pytest.fixture
def vm(ended: Vm) -> Iterator[Vm]:
    """It, with its record not uploaded yet and no calls noted; healthy again after the test."""
    ended.sh(f"mkdir -p /etc/as-if; rm -rf {STATE}/uploaded /var/log/stub-calls /var/log/uploads")
    yield ended
    ended.sh(
        "rm -rf /etc/as-if; systemctl kill --signal KILL workload-first-boot 2>/dev/null || true"
    )
    ended.sh(f"sed -n s/^IMAGE=//p /etc/workload/first-boot.env >{STATE}/finished")


def ends(vm: Vm) -> list[str]:
    """How the VM ended itself, of the calls so far."""
    return [call for call in vm.calls if call in ("systemctl poweroff", DELETED, DEALLOCATED)]


def begin(vm: Vm, **settings: Any) -> None:
    """Restart the unit with other settings, without waiting for its end."""
    vm.set(**settings)
    vm.sh("systemctl restart --no-block workload-first-boot")


def hang(vm: Vm) -> None:
    """Let it run again, up to a step that hangs."""
    vm.sh(f"touch /etc/as-if/hanging; rm {STATE}/finished")
    begin(vm, CLOUD="gcp", UPLOAD="gs://records/vm")
    vm.wait_until("grep -q 'docker run' /var/log/stub-calls")


def test_the_power_goes_off_after_the_upload(ended: Vm) -> None:
    assert ended.status["state"] == "done", ended.status
    assert ended.status["action"] == "none"
    upload = f"aws s3 cp {ended.status['record']} s3://records/vm/"
    assert ended.calls.index("systemctl poweroff") > ended.calls.index(upload)


def test_the_status_goes_up_before_the_run_and_after_it(ended: Vm) -> None:
    states = ended.sh("cat /var/log/uploads/status-* | grep ^state=").split()
    assert states == ["state=running", "state=done"]


def test_a_deadline_covers_what_hangs(vm: Vm) -> None:
    hang(vm)
    assert "2h 5min" in vm.sh("systemctl show --property TimersMonotonic workload-deadline.timer")
    vm.sh("systemctl start workload-deadline.service")
    vm.wait_until("grep -q DELETE /var/log/stub-calls")
    assert (vm.status["step"], vm.status["what"]) == ("doctor", "no end after two hours")


def test_a_person_who_stops_the_unit_keeps_the_machine(vm: Vm) -> None:
    hang(vm)
    vm.sh("systemctl stop workload-first-boot")
    assert vm.shown("ActiveState") == "failed"
    assert ends(vm) == []


def test_google_deletes_the_machine(vm: Vm) -> None:
    vm.run_again(CLOUD="gcp", UPLOAD="gs://records/vm")
    assert ends(vm) == [DELETED]


def test_google_stops_a_machine_that_may_not_delete_itself(vm: Vm) -> None:
    vm.sh("touch /etc/as-if/refusing-to-end")
    vm.run_again(CLOUD="gcp", UPLOAD="gs://records/vm")
    assert ends(vm) == [DELETED, "systemctl poweroff"]


def test_azure_deallocates_the_machine(vm: Vm) -> None:
    vm.run_again(CLOUD="azure", UPLOAD=AZURE_UPLOAD)
    assert ends(vm) == [DEALLOCATED]
    assert [call for call in vm.calls if "&resource=https://management.azure.com/" in call]


def test_azure_is_asked_until_the_identity_may_deallocate(vm: Vm) -> None:
    vm.sh("touch /etc/as-if/refusing-to-end")
    begin(vm, CLOUD="azure", UPLOAD=AZURE_UPLOAD)
    vm.wait_until("grep -c /deallocate /var/log/stub-calls | grep -qx '[3-9]'")
    vm.sh("rm /etc/as-if/refusing-to-end")
    assert vm.settle() == "active"
    assert set(ends(vm)) == {DEALLOCATED}
    assert "the machine is still on (curl: (22)" in vm.sh("journalctl -u workload-first-boot")


def test_aws_keeps_a_machine_whose_record_is_nowhere_else(vm: Vm) -> None:
    vm.sh("touch /etc/as-if/refusing-records")
    begin(vm, CLOUD="aws", UPLOAD="s3://records/vm")
    vm.wait_until("grep -q 'sleep 300' /var/log/stub-calls")
    assert ends(vm) == []
    assert vm.status["what"].startswith("no upload to s3://records/vm (upload failed: SlowDown")
    vm.sh("rm /etc/as-if/refusing-records")
    vm.wait_until("grep -q 'systemctl poweroff' /var/log/stub-calls")
    assert vm.sh("ls /var/log/uploads/run-*.json")


def test_a_failed_step_ends_it_too_and_its_status_goes_up(vm: Vm) -> None:
    image = vm.status["image"]
    vm.run_again(CLOUD="aws", UPLOAD="s3://records/vm", IMAGE="127.0.0.1:1/a@sha256:" + "0" * 64)
    vm.set(IMAGE=image)
    assert vm.status["step"] == "pull"
    assert "step=pull" in vm.sh("cat /var/log/uploads/status-*")
    assert ends(vm) == ["systemctl poweroff"]


def test_a_machine_that_may_not_upload_ends_before_it_costs(vm: Vm) -> None:
    vm.sh(f"mv {STATE}/results /tmp/results")  # as on a first boot
    assert vm.run_again(CLOUD="aws", UPLOAD="s3://refused/vm") == "failed"
    vm.sh(f"rm -r {STATE}/results && mv /tmp/results {STATE}/results")
    assert (vm.status["step"], vm.status["do"][:33]) == (
        "check",
        "give the machine an identity that",
    )
    assert "no upload to s3://refused/vm (upload failed: AccessDenied)" in vm.status["what"]
    assert ends(vm) == ["systemctl poweroff"]


def test_a_machine_without_an_identity_is_told_so(vm: Vm) -> None:
    vm.sh("touch /etc/as-if/without-identity")
    vm.run_again(CLOUD="gcp", UPLOAD="gs://records/vm")
    assert "this machine has no identity: curl: (22)" in vm.status["what"]
    assert ends(vm) == ["systemctl poweroff"]


def test_a_reboot_in_the_middle_is_no_end(vm: Vm) -> None:
    hang(vm)
    vm.container.stop(timeout=120)
    assert "state=rebooting" in vm.read(f"{STATE}/status")
    vm.boot()
    assert ends(vm) == []
