"""What `make vm-user-data` and `make kubernetes-job` print, and what they refuse."""

import base64
import gzip
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
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
    settings = f"IMAGE={IMAGE} CLOUD={cloud} DEVICE=auto ARGS=--budget 10 UPLOAD= SHUTDOWN="
    assert settings == " ".join(line.strip() for line in shown.splitlines()[6:12])


@pytest.mark.parametrize(
    "name",
    ["first-boot", "machine", "clouds", "workload-first-boot.service", "../host/exit-codes"],
)
def test_the_files_arrive_as_they_are(host: Host, name: str) -> None:
    files = yaml.safe_load(render(host))["write_files"]
    (packed,) = [file for file in files if Path(file["path"]).name == Path(name).name]
    assert packed["encoding"] == "gz+b64"
    arrived = gzip.decompress(base64.b64decode(packed["content"], validate=True))
    assert arrived == (CLOUD_FILES / name).read_bytes()


def test_the_same_settings_give_the_same_user_data(host: Host) -> None:
    assert render(host) == render(host)


def test_a_gpu_no_upload_and_no_shutdown_are_the_default(host: Host) -> None:
    assert "DEVICE=cuda\n      ARGS=\n      UPLOAD=\n      SHUTDOWN=\n" in render(host)


@pytest.mark.parametrize(
    ("cloud", "upload"),
    [
        ("aws", "s3://records"),
        ("gcp", "gs://records"),
        ("cos", "gs://records"),
        ("azure", "https://mine.blob.core.windows.net/records"),
    ],
)
def test_a_machine_can_end_itself(host: Host, cloud: str, upload: str) -> None:
    settings = (f"CLOUD={cloud}", f"UPLOAD={upload}", "SHUTDOWN=1")
    assert "      SHUTDOWN=1\n" in render(host, *settings)


def test_lambda_ends_no_machine_without_a_secret(host: Host) -> None:
    reason = refused(host, "CLOUD=lambda", "UPLOAD=/lambda/nfs/records", "SHUTDOWN=1")
    assert "SHUTDOWN=1 is not for lambda, where only an API key ends a machine" in reason


def test_a_machine_does_not_end_with_its_only_record(host: Host) -> None:
    reason = refused(host, "SHUTDOWN=1")
    assert "SHUTDOWN=1 needs UPLOAD=: the record would end with the machine" in reason


@pytest.mark.parametrize("value", ["yes", "10", "true"])
def test_shutdown_is_1_or_nothing(host: Host, value: str) -> None:
    reason = refused(host, "UPLOAD=s3://records", f"SHUTDOWN={value}")
    assert f"SHUTDOWN is 1 or nothing, not '{value}'" in reason


@pytest.mark.parametrize(
    ("cloud", "upload"),
    [
        ("aws", "s3://records"),
        ("aws", "s3://records/a/b-2"),
        ("gcp", "gs://my_records/a"),
        ("cos", "gs://my_records/a"),
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
        ("cos", "s3://records"),
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


@pytest.mark.parametrize("args", ["--budget $(reboot)", "--sizes 'a b'"])
def test_only_options_are_taken_for_args(host: Host, args: str) -> None:
    assert "ARGS are options of workload run" in refused(host, f"ARGS={args}")


@pytest.mark.parametrize("args", ["verify", " doctor --quick"])
def test_another_command_is_refused_before_a_machine_is_paid_for(host: Host, args: str) -> None:
    reason = refused(host, f"ARGS={args}")
    assert f"ARGS begin with an option of workload run, not '{args}'" in reason


def test_a_full_disk_is_one_line_with_its_code(host: Host) -> None:
    settings = f"IMAGE={IMAGE} CLOUD=aws"
    result = host.run("sh", "-c", f"{settings} docker/cloud/render user-data.yaml >/dev/full")
    assert (result.returncode, result.stderr) == (
        6,
        "render: the output could not be written: free space\n",
    )


@pytest.mark.parametrize("word", ["--help", "-h", "--output", "-o", "--device", "--d"])
def test_what_the_machine_sets_itself_is_no_option(host: Host, word: str) -> None:
    assert f"ARGS may not have {word}" in refused(host, f"ARGS=--budget 10 {word} x")


def test_a_missing_part_is_no_empty_part(host: Host, tmp_path: Path) -> None:
    host.environment |= {"IMAGE": IMAGE, "CLOUD": "aws"}
    shutil.copytree(CHECKOUT / "docker", tmp_path / "docker")
    (tmp_path / "docker/cloud/first-boot").unlink()
    result = host.run(f"{tmp_path}/docker/cloud/render", "user-data.yaml")
    assert result.returncode == 4
    assert result.stderr == (
        "render: first-boot cannot be packed: is this a whole checkout, with gzip and base64?\n"
    )


@pytest.mark.parametrize("setting", ["ARGS=--budget 10", "UPLOAD=s3://records", "SHUTDOWN=1"])
def test_the_job_takes_no_setting_that_it_would_ignore(host: Host, setting: str) -> None:
    result = host.run("make", "--silent", "kubernetes-job", f"IMAGE={IMAGE}", setting)
    assert result.returncode == 2
    assert "a Job takes no ARGS, UPLOAD or SHUTDOWN" in result.stderr


@pytest.mark.parametrize("name", ["IMAGE", "CLOUD", "DEVICE", "ARGS", "UPLOAD", "SHUTDOWN"])
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
    assert "- name: WORKLOAD_IMAGE # for the record\n              value: *image\n" in run


def test_the_job_writes_to_empty_volumes_alone(host: Host) -> None:
    volumes = render(host, target="kubernetes-job").partition("      volumes:\n")[2]
    assert volumes.count("- name:") == volumes.count("emptyDir:") == 3
    assert "medium: Memory" in volumes


def test_every_way_runs_the_one_script(host: Host) -> None:
    skypilot = (CLOUD_FILES / "skypilot.yaml").read_text()
    for name in ("first-boot", "machine", "clouds"):
        assert f"docker/cloud/{name}" in skypilot
    assert " timeout 2h sh ~/first-boot\n" in skypilot
    assert "path: /etc/workload/first-boot\n" in render(host)
