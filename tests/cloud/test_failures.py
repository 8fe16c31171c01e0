"""A failure on a VM leaves a status file with a fix, and a failed unit."""

from collections.abc import Callable

import pytest
from support.vm import SHORT, STATE, Vm


@pytest.fixture(scope="module")
def vm(make_vm: Callable[..., Vm]) -> Vm:
    """A VM without a GPU, whose user data asks for one."""
    # sleep: a stub, so that waiting between two tries takes no time.
    vm = make_vm("sleep", pci={}, CLOUD="gcp", ARGS=SHORT)
    vm.settle()
    return vm


def assert_failed(vm: Vm, step: str, what: str, to_do: str) -> None:
    """The unit has failed, and the status file says where, why and what to do."""
    assert vm.shown("ActiveState") == "failed"
    assert vm.shown("ExecMainStatus") == "4"
    status = vm.status
    assert (status["state"], status["step"]) == ("failed", step)
    assert what in status["what"]
    assert to_do in status["do"]
    assert status["do"].endswith("then: sudo systemctl restart workload-first-boot")


def test_a_machine_without_a_driver(vm: Vm) -> None:
    assert_failed(vm, "driver", "no driver: this machine has no NVIDIA GPU", "an instance type")


def test_a_registry_that_is_down(vm: Vm) -> None:
    vm.sh("systemctl stop docker-registry")
    vm.run_again(DEVICE="cpu")
    vm.sh("systemctl start docker-registry")
    assert_failed(vm, "pull", "the registry does not answer", "network access to it")
    assert vm.calls == ["sleep 10", "sleep 30", "sleep 120", "sleep 300"]


def test_a_wrong_digest(vm: Vm, pulled: str) -> None:
    vm.run_again(DEVICE="cpu", IMAGE=pulled.partition("@")[0] + "@sha256:" + "0" * 64)
    vm.set(IMAGE=pulled)
    assert_failed(vm, "pull", "the registry has no such image", "a published IMAGE")


def test_a_tag_in_place_of_a_digest(vm: Vm, pulled: str) -> None:
    vm.run_again(DEVICE="cpu", IMAGE=pulled.partition("@")[0] + ":cpu")
    vm.set(IMAGE=pulled)
    assert_failed(vm, "start", "IMAGE has no digest", "IMAGE=name@sha256:")


LIMITED = """
import http.server, json
class Limited(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        code = 200 if self.path == "/v2/" else 429
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        error = {"code": "TOOMANYREQUESTS", "message": "You have reached your pull rate limit."}
        self.wfile.write(json.dumps({"errors": [error]}).encode())
    do_HEAD = do_GET
http.server.HTTPServer(("127.0.0.1", 5001), Limited).serve_forever()
"""


def test_a_registry_that_limits_pulls(vm: Vm, pulled: str) -> None:
    vm.sh(f"cat >/opt/limited <<'EOF'\n{LIMITED}\nEOF")
    vm.sh("systemd-run -q python3 /opt/limited; rm -f /var/log/stub-calls")
    vm.run_again(DEVICE="cpu", IMAGE="127.0.0.1:5001/a@sha256:" + "0" * 64)
    vm.set(IMAGE=pulled)
    assert_failed(vm, "pull", "the registry limits pulls", "docker login; or name a mirror")
    assert "toomanyrequests" in vm.status["what"]
    assert vm.calls[-1] == "sleep 300"


def test_a_full_disk_while_pulling(vm: Vm) -> None:
    vm.sh("systemctl stop docker docker.socket")
    vm.sh("mount -t tmpfs -o size=200m tmpfs /var/lib/docker && systemctl start docker")
    vm.run_again(DEVICE="cpu")
    vm.sh("systemctl stop docker docker.socket && umount -l /var/lib/docker")
    assert_failed(vm, "pull", "the disk is full", "a larger disk")


def test_a_full_disk_under_the_status_itself(vm: Vm) -> None:
    vm.sh(f"mount -t tmpfs -o size=256k tmpfs {STATE} && head -c 65536 /dev/zero >{STATE}/reserve")
    vm.sh(f"cat /dev/zero >{STATE}/all-the-rest 2>/dev/null || true")
    vm.run_again(DEVICE="cpu", IMAGE="no-digest")
    status = vm.status
    vm.sh(f"umount {STATE}")
    assert (status["state"], status["step"]) == ("failed", "start")
    assert vm.shown("ActiveState") == "failed"
