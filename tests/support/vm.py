"""Temporary cloud VMs: containers with systemd, cloud-init and their own engine."""

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from docker.models.containers import Container
from support.containers import files_in
from support.tars import packed

from docker import DockerClient

CHECKOUT = Path(__file__).parents[2]
VM_IMAGE = "workload-cloud:vm"
UNIT = "workload-first-boot.service"
STATE = "/var/lib/workload"
OUTPUT = "/var/log/output"  # not on a tmpfs, from which no file can be read
PCI_DEVICES = "/sys/bus/pci/devices"
GPU = {"0000:00:1e.0/vendor": "0x10de", "0000:00:1e.0/class": "0x030200"}
# How curl speaks to a cloud, with the machine's token in a file.
API = "-fsS --retry 3 --max-time 300 -H @/run/workload-token"
SHORT = "--budget 1 --sizes 256 --dtypes float32"
SETTLED_SEC = 240


def render(template: str = "user-data.yaml", **settings: str) -> str:
    """Return what `make vm-user-data` prints; raise CalledProcessError for settings it refuses."""
    return subprocess.run(
        [f"{CHECKOUT}/docker/cloud/render", template],
        env={"PATH": os.environ["PATH"], **settings},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout


def text_of(container: Container, path: str) -> str:
    """Return a file's text; the container may have ended."""
    return files_in(container, path)[Path(path).name].decode()


def run_script(container: Container, script: str) -> tuple[int, str]:
    """Run a shell script in a container; its exit code and its output.

    By way of a file, as the SDK loses output that comes early: docker-py's issue 3332.
    """
    to_file = f'exec sh -c "$0" >{OUTPUT} 2>&1'
    code, _ = container.exec_run(["sh", "-c", to_file, script])
    return code, text_of(container, OUTPUT)


@dataclass(frozen=True)
class Vm:
    """One VM; its output and files are read at each call."""

    container: Container

    def sh(self, script: str) -> str:
        """The output of a shell script on the VM; its failure fails the test."""
        code, text = run_script(self.container, script)
        assert code == 0, f"{script}: {text}"
        return text

    def boot(self) -> None:
        """Start the VM and wait until its engine answers."""
        self.container.start()
        self.wait_until("docker info >/dev/null 2>&1")

    def wait_until(self, condition: str) -> None:
        """Wait for a shell condition; raises TimeoutError after SETTLED_SEC."""
        deadline = time.monotonic() + SETTLED_SEC
        while self.container.exec_run(["sh", "-c", condition])[0] != 0:
            if time.monotonic() > deadline:
                journal = self.sh("journalctl --no-pager --lines 40")
                raise TimeoutError(f"{condition}: not after {SETTLED_SEC} s:\n{journal}")
            time.sleep(0.5)

    def settle(self) -> str:
        """Wait until the unit has ended; its state: active or failed."""
        self.wait_until(f"systemctl is-active {UNIT} | grep -qxE 'active|failed'")
        return self.shown("ActiveState")

    def wait_for_power_off(self) -> None:
        """Wait until the VM has gone down by itself, as for a reboot."""
        self.container.wait(timeout=SETTLED_SEC)

    def shown(self, name: str) -> str:
        """Return a property of the unit from systemd."""
        return self.sh(f"systemctl show --property {name} --value {UNIT}").strip()

    def read(self, path: str) -> str:
        """Return a file's text; the VM may be off."""
        return text_of(self.container, path)

    def set(self, **settings: str) -> None:
        """Change settings as a user would."""
        for name, value in settings.items():
            self.sh(f"sed -i 's|^{name}=.*|{name}={value}|' /etc/workload/first-boot.env")

    def run_again(self, **settings: str) -> str:
        """Change settings and restart the unit; return its state at the end."""
        self.set(**settings)
        self.container.exec_run(["systemctl", "restart", UNIT])
        return self.settle()

    @property
    def status(self) -> dict[str, str]:
        """The status file."""
        lines = self.sh(f"cat {STATE}/status").splitlines()
        return dict(line.split("=", 1) for line in lines)

    @property
    def calls(self) -> list[str]:
        """Return the stubs' calls so far."""
        return self.sh("cat /var/log/stub-calls 2>/dev/null || true").splitlines()


def create(
    client: DockerClient,
    registry: str,
    user_data: str,
    *,
    pci: dict[str, str],
    links: dict[str, str],
) -> Container:
    """A VM that has not booted yet, with the registry's volume, PCI devices' files and links."""
    devices = {f"{PCI_DEVICES}/{path}": f"{text}\n" for path, text in pci.items()}
    container = client.containers.create(
        VM_IMAGE,
        privileged=True,
        cgroupns="private",
        tmpfs={"/run": "exec", "/tmp": "exec"},  # noqa: S108  the VM's
        volumes=[
            f"{registry}:/var/lib/docker-registry",
            "/var/lib/docker",
            *[PCI_DEVICES][: len(pci)],
        ],
    )
    seed = "/var/lib/cloud/seed/nocloud"
    cloud_init = {
        f"{seed}/meta-data": f"instance-id: {container.short_id}\n",
        f"{seed}/user-data": user_data,
    }
    container.put_archive("/", packed(cloud_init | devices, links))
    return container
