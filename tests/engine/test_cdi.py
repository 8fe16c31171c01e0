"""Docker with and without CDI: which way to the GPU is there, and that it leads to one."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.host_report import findings
from support.lab.cdi import spec
from support.lab.engine import ROOT, LabEngine, Setup

HOOK, DEVICE = "--gpus all", "--device nvidia.com/gpu=all"
SHORT = "--budget 1 --sizes 64 --dtypes float32"


@dataclass(frozen=True)
class Host:
    """An engine, `newer` or not, and the kind of a CDI spec in one of the host's folders."""

    setup: Setup
    newer: bool = False
    kind: str | None = None
    folder: str = "etc/cdi"


# How make doctor tells them apart; the option that make gpu-run takes, or why there is none.
HOSTS = {
    "the hook": (Host(Setup(hook=True)), HOOK),
    "the hook, for the daemon alone": (Host(Setup(hook=True, own_hook=False)), HOOK),
    "the runtime": (Host(Setup(runtime=True)), HOOK),
    "Docker 26 with CDI": (Host(Setup(cdi=True), kind="nvidia.com/gpu"), DEVICE),
    "Docker 28": (Host(Setup(), newer=True, kind="nvidia.com/gpu"), DEVICE),
    "Docker 28 and the hook": (Host(Setup(hook=True, own_hook=False), newer=True), HOOK),
    "no spec": (
        Host(Setup(), newer=True),
        "the engine has no NVIDIA runtime and no CDI device",
    ),
    "a spec that Docker 26 does not read": (
        Host(Setup(), kind="nvidia.com/gpu"),
        "the engine does not read /etc/cdi/nvidia.yaml: CDI is disabled in the engine, as is the "
        "default before Docker 28.2",
    ),
    "a spec where Docker 28 does not look": (
        Host(Setup(), newer=True, kind="nvidia.com/gpu", folder="var/run/cdi"),
        "the engine does not read /var/run/cdi/nvidia.yaml: the CDI device does not exist",
    ),
    "a spec of another vendor": (
        Host(Setup(), newer=True, kind="amd.com/gpu"),
        "the engine has no NVIDIA runtime, and the CDI devices here are of another vendor",
    ),
}
WORKING = [name for name, (_, found) in HOSTS.items() if found in (HOOK, DEVICE)]


def start(engine: LabEngine, name: str, newer: str, site: str) -> str:
    """Start the host of this name; return its option, or why it has none."""
    host, found = HOSTS[name]
    if host.kind:
        engine.write_spec(spec(engine.machine, site, host.kind), host.folder)
    engine.start(replace(host.setup, programs=newer) if host.newer else host.setup)
    return found


@pytest.mark.parametrize("name", HOSTS)
def test_the_hosts_doctor_tells_the_ways_to_a_gpu_apart(
    name: str, engine: LabEngine, newer: str, site: str
) -> None:
    found = start(engine, name, newer, site)
    shown = findings(engine.run("make", "doctor", "ENGINE=docker"))
    if name in WORKING:
        assert shown["pass    gpu-option"] == (f"make gpu-run uses docker run {found}", "")
    else:
        assert shown["FAIL    gpu-option"][0] == found


@pytest.mark.parametrize("name", ["Docker 26 with CDI", "Docker 28", "Docker 28 and the hook"])
def test_gpu_run_goes_to_a_record(name: str, engine: LabEngine, newer: str, site: str) -> None:
    start(engine, name, newer, site)
    changes = {"IMAGE": "workload:gpu", "ENGINE": "docker", "ARGS": SHORT}
    ended = engine.run("make", "gpu-run", changes=changes)
    assert "device     cuda:0: STAND-IN H100" in ended.stdout, ended.stderr
    record = json.loads(Path(ROOT, ended.stdout.split("record")[-1].split()[0]).read_text())
    assert record["status"] in ("complete", "failed")  # its times may be noisy
    assert all(check["worst_error"] is not None for check in record["verify"])


@pytest.mark.parametrize("name", [name for name in HOSTS if name not in WORKING])
def test_gpu_run_ends_before_it_starts(name: str, engine: LabEngine, newer: str, site: str) -> None:
    found = start(engine, name, newer, site)
    ended = engine.run("make", "gpu-run", changes={"IMAGE": "workload:gpu", "ENGINE": "docker"})
    assert f"check-gpu-host: {found}; " in ended.stderr
    assert "Error 4" in ended.stderr
