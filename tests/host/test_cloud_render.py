"""What `make vm-user-data` and `make kubernetes-job` print, and what they refuse."""

import shutil
import subprocess
from pathlib import Path

import pytest
from support.fakes.host import CHECKOUT, Host

DIGEST = "@sha256:" + "0123456789abcdef" * 4
IMAGE = "ghcr.io/me/workload" + DIGEST
CLOUD_FILES = CHECKOUT / "docker/cloud"


def render(host: Host, *settings: str, target: str = "vm-user-data") -> str:
    """Return what make prints for the settings; assert that it succeeds."""
    result = host.run("make", "--silent", target, f"IMAGE={IMAGE}", "CLOUD=aws", *settings)
    assert result.returncode == 0, result.stderr
    return result.stdout


def refused(host: Host, *settings: str) -> str:
    """Return why the settings are refused; assert one line and exit code 2."""
    given = dict(setting.split("=", 1) for setting in settings)
    host.environment.update({"IMAGE": IMAGE, "CLOUD": "aws"} | given)
    result: subprocess.CompletedProcess[str] = host.run("docker/cloud/render", "user-data.yaml")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.mark.parametrize("cloud", ["aws", "gcp", "azure", "lambda", "cos"])
def test_every_cloud_gets_its_settings(host: Host, cloud: str) -> None:
    shown = render(host, f"CLOUD={cloud}", "ARGS=--budget 10", "DEVICE=auto")
    assert shown.startswith("#cloud-config\n")
    settings = f"IMAGE={IMAGE} CLOUD={cloud} DEVICE=auto ARGS=--budget 10 UPLOAD="
    assert settings == " ".join(line.strip() for line in shown.splitlines()[5:10])


@pytest.mark.parametrize(
    "name", ["first-boot", "workload-first-boot.service", "../host/exit-codes"]
)
def test_the_files_arrive_as_they_are(host: Host, name: str) -> None:
    lines = (CLOUD_FILES / name).read_text().splitlines()
    inside = [line and f"      {line}" for line in lines]
    assert "\n".join(inside) in render(host)


def test_gpu_and_no_upload_are_the_default(host: Host) -> None:
    assert "      DEVICE=cuda\n      ARGS=\n      UPLOAD=\n" in render(host)


@pytest.mark.parametrize(
    ("cloud", "upload"),
    [
        ("aws", "s3://records"),
        ("aws", "s3://records/a/b-2"),
        ("gcp", "gs://my_records/a"),
        ("azure", "https://mine.blob.core.windows.net/records/a"),
        ("lambda", "/lambda/nfs/records"),
    ],
)
def test_each_cloud_uploads_its_own_way(host: Host, cloud: str, upload: str) -> None:
    assert f"      UPLOAD={upload}\n" in render(host, f"CLOUD={cloud}", f"UPLOAD={upload}")


@pytest.mark.parametrize(
    "image",
    [
        "ghcr.io/me/workload:1.2.3",
        "ghcr.io/me/workload",
        "workload@sha256:1234",
        "me:secret@ghcr.io/me/workload" + DIGEST,
    ],
)
def test_an_image_without_a_digest_is_refused(host: Host, image: str) -> None:
    assert "IMAGE is pulled by digest" in refused(host, f"IMAGE={image}")


def test_a_missing_image_is_refused(host: Host) -> None:
    assert "IMAGE= is missing" in refused(host, "IMAGE=")


@pytest.mark.parametrize("cloud", ["", "ibm", "AWS"])
def test_an_unknown_cloud_is_refused(host: Host, cloud: str) -> None:
    assert "CLOUD is aws, gcp, azure, lambda or cos" in refused(host, f"CLOUD={cloud}")


@pytest.mark.parametrize(
    ("cloud", "upload"),
    [
        ("azure", "https://mine.blob.core.windows.net/records?sv=2022&sig=abc"),
        ("aws", "s3://AKIAIOSFODNN7EXAMPLE:secret@records"),
        ("aws", "s3://records AWS_SECRET_ACCESS_KEY=abc"),
    ],
)
def test_a_credential_in_the_upload_is_refused(host: Host, cloud: str, upload: str) -> None:
    reason = refused(host, f"CLOUD={cloud}", f"UPLOAD={upload}")
    assert "UPLOAD carries a credential" in reason
    assert upload not in reason


@pytest.mark.parametrize(
    ("cloud", "upload"),
    [
        ("aws", "gs://records"),
        ("gcp", "s3://records"),
        ("azure", "https://example.com/records"),
        ("lambda", "/home/ubuntu"),
        ("lambda", "/lambda/nfs/../etc"),
        ("aws", "s3://records; reboot"),
        ("aws", "s3://.."),
        ("gcp", "gs://../a"),
    ],
)
def test_an_upload_of_another_kind_is_refused(host: Host, cloud: str, upload: str) -> None:
    assert f"UPLOAD on {cloud} is " in refused(host, f"CLOUD={cloud}", f"UPLOAD={upload}")


def test_cos_has_nothing_to_upload_with(host: Host) -> None:
    assert "UPLOAD is not for cos" in refused(host, "CLOUD=cos", "UPLOAD=gs://records")


@pytest.mark.parametrize("args", ["--budget $(reboot)", "--sizes 'a b'"])
def test_only_options_are_taken_for_args(host: Host, args: str) -> None:
    assert "ARGS are options of workload run" in refused(host, f"ARGS={args}")


@pytest.mark.parametrize("word", ["--help", "-h", "--output", "-o", "--device", "--d"])
def test_what_the_machine_sets_itself_is_no_option(host: Host, word: str) -> None:
    assert f"ARGS may not have {word}" in refused(host, f"ARGS=--budget 10 {word} x")


def test_a_missing_part_is_no_empty_part(host: Host, tmp_path: Path) -> None:
    host.environment |= {"IMAGE": IMAGE, "CLOUD": "aws"}
    shutil.copytree(CHECKOUT / "docker", tmp_path / "docker")
    (tmp_path / "docker/cloud/first-boot").unlink()
    result = host.run(f"{tmp_path}/docker/cloud/render", "user-data.yaml")
    assert result.returncode == 4
    assert result.stderr == "render: first-boot is missing: is this a whole checkout?\n"


@pytest.mark.parametrize("setting", ["ARGS=--budget 10", "UPLOAD=s3://records"])
def test_the_job_takes_no_setting_that_it_would_ignore(host: Host, setting: str) -> None:
    result = host.run("make", "--silent", "kubernetes-job", f"IMAGE={IMAGE}", setting)
    assert result.returncode == 2
    assert "the Job takes IMAGE alone" in result.stderr


@pytest.mark.parametrize("name", ["IMAGE", "CLOUD", "DEVICE", "ARGS", "UPLOAD"])
def test_a_second_line_is_no_second_setting(host: Host, name: str) -> None:
    assert "a setting is one line" in refused(host, f"{name}=aws\nDEVICE=cpu")


def test_an_unknown_device_is_refused(host: Host) -> None:
    assert "DEVICE is cuda, auto or cpu" in refused(host, "DEVICE=cuda:0")


def test_the_job_runs_the_doctor_first_on_the_same_image(host: Host) -> None:
    job = render(host, target="kubernetes-job")
    doctor, run = job.split("      containers:\n")
    assert f'image: &image "{IMAGE}"' in doctor
    assert "args: [workload, doctor, --quick, --device, cuda]" in doctor
    assert "image: *image" in run
    assert "args: [workload, run, --device, cuda, --json]" in run


# https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
@pytest.mark.parametrize(
    "demand",
    [
        "runAsNonRoot: true",
        "seccompProfile:\n          type: RuntimeDefault",
        "securityContext: &locked\n            allowPrivilegeEscalation: false\n"
        "            readOnlyRootFilesystem: true\n            capabilities:\n"
        "              drop: [ALL]",
        "securityContext: *locked",
    ],
)
def test_the_job_fits_restricted_pod_security(host: Host, demand: str) -> None:
    assert demand in render(host, target="kubernetes-job")


def test_the_job_writes_to_empty_volumes_alone(host: Host) -> None:
    volumes = render(host, target="kubernetes-job").partition("      volumes:\n")[2]
    assert volumes.count("- name:") == volumes.count("emptyDir:") == 3
    assert "medium: Memory" in volumes


def test_every_way_runs_the_one_script(host: Host) -> None:
    assert "docker/cloud/first-boot" in (CLOUD_FILES / "skypilot.yaml").read_text()
    assert "sh /etc/workload/first-boot" in render(host)
