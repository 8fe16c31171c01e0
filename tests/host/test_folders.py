"""Odd checkouts and an odd results/: docker/host/folders, and what the scripts make of them."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.fakes.host import Host

SELINUX = 'case "$*" in *SecurityOptions*) echo "[name=seccomp name=selinux]" ;; esac'
ROOTLESS = 'case "$*" in *SecurityOptions*) echo "[name=rootless]" ;; esac'
SCRIPTS = (
    "in-host",
    "in-docker",
    "run",
    "ready",
    "run-tests",
    "ab",
    "test-image",
    "make-venv",
    "check-settings",
)


def run_in_docker(
    host: Host, checkout: Path, docker: str = "", *command: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in the image, with an engine that answers as `docker` does."""
    host.add("docker", docker)
    host.environment["ENGINE"] = "docker"
    return host.run(f"{checkout}/docker/host/run", "cpu", *(command or ("mine",)))


def container(host: Host) -> str:
    """The one command that started a container."""
    (call,) = [call for call in host.called if call.startswith("docker run")]
    return call


def answer_id(host: Host, user: int, group: int, groups: str) -> None:
    """Be the user of these numbers."""
    host.add("id", f'case "$1" in -u) echo {user} ;; -g) echo {group} ;; -G) echo {groups} ;; esac')


def own_results(host: Host, user: int, group: int) -> None:
    """Let results/ belong to these numbers."""
    host.add("stat", f'case "$2" in %u:%g) echo {user}:{group} ;; %g) echo {group} ;; esac')


@pytest.mark.parametrize("name", ["a:b", 'a:b,c"d'])
def test_a_path_with_a_colon_is_mounted_by_the_option_that_takes_one(
    host: Host, checkout: Path, name: str
) -> None:
    there = checkout.rename(checkout.with_name(name))
    assert run_in_docker(host, there).returncode == 0
    quoted = str(there).replace('"', '""')
    mount = f'--mount type=bind,"source={quoted}/results",target=/workspace/results '
    assert mount in container(host)


def test_a_colon_and_selinux_are_one_line(host: Host, checkout: Path) -> None:
    there = checkout.rename(checkout.with_name("a:b"))
    result = run_in_docker(host, there, SELINUX)
    assert result.returncode == 4
    assert result.stderr.splitlines()[-1] == (
        "in-docker: the path of this checkout has a colon, and Docker cannot mount it where "
        "SELinux is on: move the checkout"
    )


@pytest.mark.parametrize("name", ["한글", "a b", "a,b", "a$b", 'a"b', "p%20q", "a\nb"])
def test_other_odd_paths_keep_the_label_for_selinux(host: Host, checkout: Path, name: str) -> None:
    there = checkout.rename(checkout.with_name(name))
    assert run_in_docker(host, there, SELINUX).returncode == 0
    assert f"--volume {there}/results:/workspace/results:z " in host.calls.read_text()


def test_cdpath_changes_nothing(host: Host, checkout: Path) -> None:
    host.add("docker")
    host.environment |= {"CDPATH": f"/:{checkout}", "ENGINE": "docker"}
    script = f"cd {checkout} && docker/host/ready cpu"
    assert host.run("sh", "-c", script).stdout == "docker\n"


@pytest.mark.parametrize("script", ["run", "in-docker"])
def test_a_script_may_be_started_from_elsewhere(host: Host, checkout: Path, script: str) -> None:
    host.add("docker")
    host.environment["ENGINE"] = "docker"
    result = host.run("sh", "-c", f"cd {checkout.parent} && checkout/docker/host/{script} cpu mine")
    assert result.returncode == 0, result.stderr
    assert container(host).endswith(" workload:cpu mine")


def test_roots_records_belong_to_the_owner_of_the_folder(host: Host, checkout: Path) -> None:
    answer_id(host, 0, 0, "0")
    own_results(host, 1000, 1001)
    run_in_docker(host, checkout)
    assert " --user 1000:1001 " in container(host)


def test_a_folder_of_the_callers_group_is_written_as_its_member(host: Host, checkout: Path) -> None:
    answer_id(host, 1000, 1000, "1000 27 50")
    own_results(host, 0, 50)
    run_in_docker(host, checkout)
    assert " --user 1000:1000 --group-add 50 " in container(host)


def test_a_group_that_the_caller_is_not_in_is_not_added(host: Host, checkout: Path) -> None:
    answer_id(host, 1000, 1000, "1000 27")
    own_results(host, 0, 50)
    run_in_docker(host, checkout)
    assert "--group-add" not in container(host)


def test_in_a_rootless_engine_root_is_the_caller(host: Host, checkout: Path) -> None:
    run_in_docker(host, checkout, ROOTLESS)
    assert " --user 0:0 " in container(host)


@pytest.mark.parametrize(("rootless", "user"), [("false", "1000:1001"), ("true", "0:0")])
def test_podmans_own_word_for_rootless_counts(
    host: Host, checkout: Path, rootless: str, user: str
) -> None:
    answer_id(host, 0, 0, "0")
    own_results(host, 1000, 1001)
    host.environment["IMAGE"] = "example.com/workload:cpu"
    answers = f'*Rootless*) echo name=rootless:{rootless} ;; version*) echo "Podman Engine" ;;'
    run_in_docker(host, checkout, f'case "$*" in *SecurityOptions*) exit 125 ;; {answers} esac')
    assert f" --user {user} " in container(host)


def not_a_folder(checkout: Path) -> str:
    (checkout / "results").touch()
    return "results is a file, not a folder: move it away"


def dangling(checkout: Path) -> str:
    (checkout / "results").symlink_to("/no/such")
    missing = "results is a link to /no/such, which does not exist"
    return f"{missing}: create that folder, or remove the link"


@pytest.mark.parametrize("make_odd", [not_a_folder, dangling])
@pytest.mark.parametrize("script", ["run", "run-tests", "ab"])
def test_results_that_is_no_folder_is_one_line_before_anything_is_built(
    host: Host, checkout: Path, make_odd: Callable[[Path], str], script: str
) -> None:
    said = make_odd(checkout)
    host.add("docker")
    result = host.run(f"{checkout}/docker/host/{script}", "cpu", "5")
    assert result.returncode == 6
    assert result.stderr == f"{'ready' if script == 'run' else script}: {said}\n"
    assert not any("bake" in call or "docker run" in call for call in host.called)


@pytest.mark.parametrize(
    ("reason", "fix"),
    [
        (
            "Permission denied",
            "results belongs to root, as a container without --user leaves it; "
            "give it to yourself: sudo chown -R 1000:1000 results",
        ),
        ("Read-only file system", "mount it writable, or use a copy of this checkout"),
        ("No space left on device", "free space, "),
    ],
)
def test_the_fix_fits_the_reason(host: Host, checkout: Path, reason: str, fix: str) -> None:
    (checkout / "results").mkdir()
    answer_id(host, 1000, 1000, "1000")
    host.add("stat", "echo root")
    host.add("mktemp", f"echo 'mktemp: failed to create file: {reason}' >&2; exit 1")
    result = run_in_docker(host, checkout)
    assert result.returncode == 6
    assert f"ready: results cannot be written ({reason}): {fix}" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_disk_without_space_for_a_byte_is_noticed(host: Host, checkout: Path) -> None:
    said = "date: write error: No space left on device"
    host.add("date", f"echo '{said}' >&2; exit 1")
    result = run_in_docker(host, checkout)
    assert "ready: results cannot be written (No space left on device): free" in result.stderr


def test_a_shell_needs_no_folder_that_can_be_written(host: Host, checkout: Path) -> None:
    (checkout / "results").mkdir()
    host.add("mktemp", "exit 1")
    host.add("docker")
    host.environment["ENGINE"] = "docker"
    assert host.run(f"{checkout}/docker/host/run", "--any", "cpu", "shell").returncode == 0


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_without_arguments_prints_its_usage(host: Host, script: str) -> None:
    result = host.run(f"docker/host/{script}")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"{script}: usage: docker/host/{script} ")
    assert result.stderr.count("\n") == 1
