"""The doctor finds real faults, in containers with wrong options instead of simulated machines."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from support.containers import Containers
from support.outcome import Outcome
from support.tars import packed

# A -devel image has these layers: see test_devel_layers.py.
pytestmark = pytest.mark.only("runtime")

DOCTOR = "workload doctor --device cpu --json"
FILLED = "head -c 2000000 /dev/zero > {folder}/filler 2>/dev/null; "
MIB = 1 << 20
TMPFS = {"/tmp": ""}


@dataclass(frozen=True)
class Fault:
    """How a container is started, and the expected finding."""

    id: str
    state: str
    code: int
    line: str
    options: dict[str, Any] = field(default_factory=dict)
    before: str = ""  # a shell command before the doctor


FAULTS = {
    "64 MB of shared memory": Fault(
        "shm", "warn", 0, "/dev/shm has only 67.1 MB", {"shm_size": 64 * MIB}
    ),
    "a read-only HOME": Fault(
        "home",
        "warn",
        0,
        "/opt is not writable",
        {"read_only": True, "tmpfs": TMPFS, "environment": {"HOME": "/opt"}},
    ),
    "a read-only temporary folder": Fault(
        "tmp", "warn", 0, "the temporary folder /tmp is not writable", {"read_only": True}
    ),
    "a uid without a name": Fault(
        "passwd",
        "warn",
        0,
        "uid 4242 has no passwd entry",
        {"user": "4242:4242", "environment": {"USER": "", "TORCHINDUCTOR_CACHE_DIR": ""}},
    ),
    "a limit of 512 MB": Fault(
        "memory",
        "warn",
        0,
        "of the container's 537 MB of memory available",
        {"mem_limit": 512 * MIB, "memswap_limit": 512 * MIB},
    ),
    "half a core": Fault(
        "cpu-threads", "warn", 0, "the container has CPU time for 1", {"nano_cpus": 500_000_000}
    ),
    "a full disk for temporary files": Fault(
        "disk",
        "fail",
        4,
        "no space left at /tmp",
        {"tmpfs": {"/tmp": "size=1m"}},
        FILLED.format(folder="/tmp"),
    ),
    "a full disk for results": Fault(
        "disk",
        "fail",
        4,
        "no space left at results",
        {"tmpfs": {"/workspace/results": "size=1m"}},
        FILLED.format(folder="results"),
    ),
}
HEALTHY: dict[str, Any] = {"shm_size": 1 << 30, "tmpfs": TMPFS}


@pytest.fixture(params=FAULTS)
def fault(request: pytest.FixtureRequest) -> Fault:
    """One fault."""
    return FAULTS[request.param]


def examined(containers: Containers, fault: Fault) -> Outcome:
    """Run the doctor in a container with the fault."""
    return containers.run("sh", "-c", fault.before + DOCTOR, **fault.options)


def finding(ended: Outcome, id_: str) -> dict[str, Any]:
    """Return the finding of one check."""
    (found,) = (one for one in json.loads(ended.stdout)["findings"] if one["id"] == id_)
    return dict(found)


def test_a_real_fault_gets_its_id_state_exit_code_and_line(
    containers: Containers, fault: Fault
) -> None:
    ended = examined(containers, fault)
    found = finding(ended, fault.id)
    assert (found["state"], ended.code) == (fault.state, fault.code)
    assert fault.line in found["found"]
    assert found["fix"]


def test_a_container_without_a_fault_passes(containers: Containers) -> None:
    ended = containers.run("sh", "-c", DOCTOR, **HEALTHY)
    states = {fault.id: finding(ended, fault.id)["state"] for fault in FAULTS.values()}
    assert set(states.values()) == {"pass"}, states


@pytest.mark.only("gpu")
def test_a_second_cudnn_on_the_loaders_path_is_found(containers: Containers) -> None:
    container = containers.start(
        "sh",
        "-c",
        "until [ -e /tmp/ready ]; do sleep 0.1; done; workload doctor --device cuda --json",
        environment={"LD_LIBRARY_PATH": "/tmp/other"},
    )
    container.put_archive("/tmp", packed({"other/libcudnn.so.9": "a cuDNN", "ready": ""}))
    ended = containers.wait(container)
    found = finding(ended, "library-path")
    assert found["state"] in {"warn", "fail"}
    assert "/tmp/other/libcudnn.so.9" in found["found"]
