"""Rendered user data, booted by cloud-init and systemd, up to a valid record."""

import json
from collections.abc import Callable

import pytest
from support.records.validity import invalidity
from support.vm import API, SHORT, STATE, UNIT, Vm

pytestmark = pytest.mark.timeout(600)  # one test waits for both to boot
MakeVm = Callable[..., Vm]
INSTALLED = ("docker", "curl", "nvidia-smi", "nvidia-ctk", "nvidia-container-runtime-hook")


def google_upload(record: str) -> str:
    """How a record goes to gs://records/vm."""
    name = record.rpartition("/")[2]
    return f"curl {API} --upload-file {record} https://storage.googleapis.com/records/vm/{name}"


@pytest.fixture(scope="module")
def booting(make_vm: MakeVm) -> tuple[Vm, Vm]:
    """Both: the second boots while the first one runs its unit."""
    bare = make_vm(
        # sleep: a stub, so that waiting between two tries takes no time.
        *("apt-get", "curl", "snap", "modprobe", "docker", "sleep"),
        CLOUD="aws",
        DEVICE="auto",
        ARGS=SHORT,
        UPLOAD="s3://records/vm",
    )
    installed = make_vm(
        *INSTALLED,
        CLOUD="gcp",
        DEVICE="auto",
        ARGS=SHORT,
        UPLOAD="gs://records/vm",
    )
    return bare, installed


@pytest.fixture(scope="module")
def aws(booting: tuple[Vm, Vm]) -> Vm:
    """A bare Ubuntu with a GPU: no driver, no toolkit, no command of the cloud. Rebooted once."""
    vm, _ = booting
    vm.wait_for_power_off()
    vm.boot()
    vm.settle()
    return vm


@pytest.fixture(scope="module")
def gcp(booting: tuple[Vm, Vm]) -> Vm:
    """An image that has driver and toolkit."""
    _, vm = booting
    vm.settle()
    return vm


@pytest.fixture(params=["aws", "gcp"])
def vm(request: pytest.FixtureRequest) -> Vm:
    """Each of them, after its run."""
    found: Vm = request.getfixturevalue(request.param)
    return found


def test_it_ends_with_a_valid_record_that_names_the_image(vm: Vm, pulled: str) -> None:
    assert vm.status["state"] == "done", vm.status
    record = json.loads(vm.sh(f"cat {vm.status['record']}"))
    assert invalidity(record) is None
    assert record["kind"] == "run"
    assert record["environment"]["system"]["image"] == pulled


def test_the_unit_is_active_and_sound(vm: Vm) -> None:
    assert vm.shown("ActiveState") == "active"
    assert vm.sh(f"systemd-analyze verify {UNIT} 2>&1") == ""


def test_cloud_init_reports_no_error(vm: Vm) -> None:
    assert vm.sh("cloud-init status --wait").split()[-1] == "done"


def test_what_runs_is_what_was_asked_for(vm: Vm, pulled: str) -> None:
    assert vm.status["image"] == pulled
    assert pulled in vm.sh("docker image inspect --format '{{.RepoDigests}}' " + pulled)


def test_driver_and_toolkit_are_installed_where_they_lack(aws: Vm) -> None:
    calls = "\n".join(aws.calls)
    for installed in (
        "install -y --no-install-recommends ubuntu-drivers-common nvidia-utils-580-server",
        "ubuntu-drivers install --gpgpu nvidia:580-server-open",
        "install -y --no-install-recommends nvidia-container-toolkit",
        "nvidia-ctk runtime configure --runtime=docker",
    ):
        assert calls.count(installed) == 1, calls
    assert "signed-by=/etc/apt/keyrings/nvidia-container-toolkit.asc" in aws.sh(
        "cat /etc/apt/sources.list.d/nvidia-container-toolkit.list"
    )


def test_nothing_is_installed_where_all_is_there(gcp: Vm) -> None:
    assert {call.split()[0] for call in gcp.calls} == set(INSTALLED)


def test_the_engine_hands_the_gpu_over(vm: Vm) -> None:
    assert any(call.startswith("nvidia-container-runtime-hook") for call in vm.calls)


def test_the_record_goes_up_as_the_machine(aws: Vm, gcp: Vm) -> None:
    assert f"aws s3 cp {aws.status['record']} s3://records/vm/" in aws.calls
    assert google_upload(gcp.status["record"]) in gcp.calls
    assert gcp.sh("cat /run/workload-token") == "Authorization: Bearer of-the-machine\n"


def test_the_token_is_shown_nowhere(gcp: Vm) -> None:
    assert "of-the-machine" not in gcp.sh("journalctl --no-pager --unit workload-first-boot")
    assert not [call for call in gcp.calls if "of-the-machine" in call]
    assert gcp.sh("stat --format %a /run/workload-token") == "600\n"


def test_a_refused_upload_fails_and_keeps_the_record(aws: Vm) -> None:
    assert aws.run_again(UPLOAD="s3://refused/vm") == "failed"
    assert aws.status["step"] == "upload"
    assert "AccessDenied" in aws.status["what"]
    assert aws.sh(f"cat {aws.status['record']}")


def test_azure_uploads_as_the_machines_identity(aws: Vm) -> None:
    aws.run_again(CLOUD="azure", UPLOAD="https://mine.blob.core.windows.net/records/a/vm")
    name = aws.status["record"].rpartition("/")[2]
    assert (
        "identity/oauth2/token?api-version=2018-02-01&resource=https://storage.azure.com/"
        in (aws.calls[-2])
    )
    upload, date = aws.calls[-1].split(" -H x-ms-date: ")
    assert upload == (
        f"curl {API} --upload-file {STATE}/results/{name} -H x-ms-version: 2021-08-06"
        " -H x-ms-blob-type: BlockBlob"
    )
    assert date.endswith(f" GMT https://mine.blob.core.windows.net/records/a/vm/{name}")


def test_lambda_copies_to_an_attached_file_system(aws: Vm) -> None:
    aws.run_again(CLOUD="lambda", UPLOAD="/lambda/nfs/records/vm")
    record = aws.status["record"]
    aws.sh(f"cmp {record} /lambda/nfs/records/vm/{record.rpartition('/')[2]}")


def test_a_reboot_after_the_record_does_nothing(gcp: Vm) -> None:
    before = gcp.sh(f"ls -l --full-time {STATE}/results"), gcp.calls
    gcp.container.stop()
    gcp.boot()
    assert gcp.settle() == "active"
    after = gcp.sh(f"ls -l --full-time {STATE}/results"), gcp.calls
    assert after[0] == before[0]
    done = after[1][len(before[1]) :]
    assert not [call for call in done if not call.startswith(("nvidia-smi", "docker i"))], done


def test_the_runs_are_hardened(vm: Vm) -> None:
    runs = [call for call in vm.calls if call.startswith("docker run")]
    assert len(runs) == 2, runs
    for run in runs:
        assert run.startswith("docker run --rm --gpus all --read-only --tmpfs /tmp --shm-size 1g ")
        assert "--network none --cap-drop ALL --security-opt no-new-privileges" in run


def test_the_run_waits_for_the_machines_own_updates(gcp: Vm) -> None:
    unit = "/etc/systemd/system/apt-daily-upgrade.service"
    updates = f"/bin/sh -c 'until grep -q updates {STATE}/status; do /bin/sleep 0.1; done'"
    gcp.sh(f'printf "[Service]\nType=oneshot\nExecStart=%s" "{updates}" >{unit}')
    gcp.sh("ln -s /opt/stub /usr/local/bin/sleep")
    gcp.sh("systemctl daemon-reload && systemctl start --no-block apt-daily-upgrade")
    gcp.sh(f"rm {STATE}/finished")
    try:
        gcp.run_again(ARGS="--help")
    finally:
        gcp.sh("rm /usr/local/bin/sleep")
    journal = gcp.sh("journalctl --no-pager --unit workload-first-boot")
    assert "first-boot: quiet: waiting for the machine's own updates" in journal
    assert gcp.sh("systemctl is-active apt-daily-upgrade.timer") == "active\n"


def test_the_record_of_a_run_that_failed_goes_up_too(gcp: Vm) -> None:
    gcp.sh(f"rm {STATE}/finished")
    before = gcp.status["record"]
    assert gcp.run_again(ARGS="--sizes 200000 --dtypes float32 --budget 1") == "failed"
    status = gcp.status
    assert (status["step"], status["record"] != before) == ("run", True)
    assert "the run ended with 4" in status["what"]
    assert gcp.calls[-1] == google_upload(status["record"])


def test_container_optimized_os_gets_the_drivers_folder_and_the_devices(gcp: Vm) -> None:
    # As on COS: no toolkit, its own installer. The run is requested twice.
    gcp.sh("rm /usr/local/bin/nvidia-* /etc/docker/daemon.json && systemctl restart docker")
    gcp.sh("ln -s /opt/stub /usr/local/bin/cos-extensions")
    gcp.sh(f"rm -f {STATE}/finished /var/log/stub-calls")
    # --help: how it is run is what counts here.
    assert gcp.run_again(CLOUD="cos", UPLOAD="gs://records/vm", ARGS="--help") == "active", (
        gcp.status
    )
    assert "cos-extensions install gpu -- -version=latest" in gcp.calls
    (run,) = [call for call in gcp.calls if "workload run" in call]
    assert run.startswith(
        "docker run --rm --volume /var/lib/nvidia:/usr/local/nvidia:ro"
        " --device /dev/nvidia0 --device /dev/nvidiactl --device /dev/nvidia-uvm --read-only"
    )
