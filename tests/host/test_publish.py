"""`make publish`: what it refuses before anything is built, with a stub engine and a stub git."""

import json
import subprocess
import sys

import pytest
from support.fakes.host import Host

import workload

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REMOTE = "git@github.com:me/workload.git"
PLAN = json.dumps(
    {
        "target": {
            name: {"args": {"BASE": f"base@sha256:{'1' * 64}"}}
            for name in ("cpu", "gpu", "cpu-devel", "gpu-devel")
        }
    }
)
NOT_THERE = 'echo "ERROR: example.com/me/workload:1: not found" >&2; exit 1'


def engine(driver: str = "docker-container", looked_up: str = NOT_THERE) -> str:
    """A docker with a builder, and what it says when a tag is looked up."""
    return f"""case "$*" in
      *--print*) echo '{PLAN}' ;;
      "buildx inspect"*) echo "Driver: {driver}" ;;
      *"imagetools inspect"*) {looked_up} ;;
      *bake*) exit 9 ;;
    esac"""


def git(status: str = "", remote: str = REMOTE) -> str:
    """A git in a checkout."""
    return f"""case "$*" in
      rev-parse*) echo {COMMIT} ;;
      log*) echo 1750000000 ;;
      remote*) echo {remote} ;;
      status*) printf '%s' '{status}' ;;
    esac"""


@pytest.fixture
def publisher(host: Host) -> Host:
    """A host that could publish."""
    host.environment |= {"REGISTRY": "example.com/me", "VERSION": workload.__version__}
    host.add("docker", engine())
    host.add("git", git())
    return host


def publish(host: Host) -> subprocess.CompletedProcess[str]:
    return host.run(sys.executable, "docker/publish.py")


def built(host: Host) -> list[str]:
    """The calls that build or push something."""
    doing = ("bake", "imagetools create")
    return [c for c in host.called if any(word in c for word in doing) and "--print" not in c]


def refused(host: Host, code: int) -> str:
    """The one line with which nothing was built."""
    result = publish(host)
    assert (result.returncode, built(host)) == (code, [])
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_with_all_in_order_it_begins_to_build(publisher: Host) -> None:
    assert "bake failed" in publish(publisher).stderr
    assert len(built(publisher)) == 1


@pytest.mark.parametrize("missing", ["REGISTRY", "VERSION"])
def test_registry_and_version_must_be_given(publisher: Host, missing: str) -> None:
    del publisher.environment[missing]
    assert "usage: make publish" in refused(publisher, 2)


def test_another_version_than_the_package_s_is_refused(publisher: Host) -> None:
    publisher.environment["VERSION"] = "9.9.9"
    assert "VERSION=9.9.9, but workload/__init__.py has" in refused(publisher, 2)


def test_changes_without_a_commit_are_refused(publisher: Host) -> None:
    publisher.add("git", git(status=" M README.md"))
    assert "changes that no commit has (M README.md" in refused(publisher, 2)


def test_the_engine_s_own_builder_is_refused_with_the_command_that_makes_another(
    publisher: Host,
) -> None:
    publisher.add("docker", engine(driver="docker"))
    said = refused(publisher, 4)
    assert "docker buildx create --use --driver docker-container" in said


def test_a_version_that_is_published_never_moves(publisher: Host) -> None:
    publisher.add("docker", engine(looked_up="exit 0"))
    assert "is published already, and a version never moves" in refused(publisher, 2)


def test_a_registry_that_does_not_answer_is_no_sign_of_a_new_version(publisher: Host) -> None:
    publisher.add("docker", engine(looked_up='echo "dial tcp: no such host" >&2; exit 1'))
    assert "cannot be told: dial tcp: no such host" in refused(publisher, 4)


@pytest.mark.parametrize(
    "remote",
    [
        REMOTE,
        "ssh://git@github.com/me/workload.git",
        "https://user:secret@github.com/me/workload",
    ],
)
def test_the_source_is_a_web_address_without_credentials(publisher: Host, remote: str) -> None:
    publisher.environment["DRY_RUN"] = "1"
    publisher.add("git", git(remote=remote))
    shown = publish(publisher).stdout
    assert "image.source=https://github.com/me/workload " in shown
    assert "secret" not in shown


def test_a_remote_that_is_a_folder_is_no_source(publisher: Host) -> None:
    publisher.add("git", git(remote="/srv/workload"))
    assert "SOURCE= must say where the code lives" in refused(publisher, 2)


def test_a_dry_run_builds_nothing(publisher: Host) -> None:
    publisher.environment["DRY_RUN"] = "1"
    assert publish(publisher).returncode == 0
    assert built(publisher) == []
