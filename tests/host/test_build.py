"""docker/build: the commit that an image is labelled with, and the paths it takes."""

from pathlib import Path

import pytest
from support.fakes.host import Host

DUBIOUS = """
echo "fatal: detected dubious ownership in repository at '/x'" >&2
printf 'To add an exception, call:\\n\\n\\tgit config --global --add safe.directory /x\\n' >&2
exit 128
"""
ANSWERS = 'case "$*" in *log*) echo "abc123 1750000000" ;; *) echo abc123 ;; esac'
NOTES_ENVIRONMENT = 'echo "REVISION=$REVISION SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH-none}" >&2'


@pytest.fixture
def checkout(host: Host, checkout: Path) -> Path:
    """A checkout, and an engine that shows what a build is told."""
    host.add("docker", NOTES_ENVIRONMENT)
    host.environment["BUILDKIT_PROGRESS"] = "plain"
    return checkout


def built(host: Host, checkout: Path) -> list[str]:
    """The lines on stderr of a build that succeeds."""
    result = host.run(f"{checkout}/docker/build", "cpu")
    assert result.returncode == 0
    return result.stderr.splitlines()


@pytest.mark.parametrize("kind", ["folder", "file of a worktree"])
def test_an_image_has_the_revision_and_date_of_its_commit(
    host: Host, checkout: Path, kind: str
) -> None:
    host.add("git", ANSWERS)
    if kind == "folder":
        (checkout / ".git").mkdir()
    else:
        (checkout / ".git").write_text("gitdir: /elsewhere/.git/worktrees/x\n")
    assert set(built(host, checkout)) == {"REVISION=abc123 SOURCE_DATE_EPOCH=1750000000"}


def test_why_git_does_not_answer_is_one_line(host: Host, checkout: Path) -> None:
    (checkout / ".git").mkdir()
    host.add("git", DUBIOUS)
    line, *lines = built(host, checkout)
    assert line == (
        "build: the image gets no revision and no date (REVISION=, SOURCE_DATE_EPOCH=): fatal: "
        "detected dubious ownership in repository at '/x' To add an exception, call: "
        "git config --global --add safe.directory /x"
    )
    assert set(lines) == {"REVISION= SOURCE_DATE_EPOCH=none"}


def test_a_folder_that_is_no_checkout_has_no_revision_and_says_nothing(
    host: Host, checkout: Path
) -> None:
    host.add("git", ANSWERS)  # of a checkout above
    assert set(built(host, checkout)) == {"REVISION= SOURCE_DATE_EPOCH=none"}


def test_a_host_without_git_says_nothing(host: Host, checkout: Path) -> None:
    (checkout / ".git").mkdir()
    assert set(built(host, checkout)) == {"REVISION= SOURCE_DATE_EPOCH=none"}


def test_a_given_revision_and_date_are_taken(host: Host, checkout: Path) -> None:
    (checkout / ".git").mkdir()
    host.add("git", DUBIOUS)
    host.environment |= {"REVISION": "mine", "SOURCE_DATE_EPOCH": "1"}
    assert set(built(host, checkout)) == {"REVISION=mine SOURCE_DATE_EPOCH=1"}


def test_a_temporary_folder_with_a_comma_is_one_field(host: Host, checkout: Path) -> None:
    host.environment["TMPDIR"] = str(checkout.with_name("a,b"))
    checkout.with_name("a,b").mkdir()
    built(host, checkout)
    assert f'*.output=type=local,"dest={checkout.with_name("a,b")}/' in host.calls.read_text()


PLATFORMS = "Driver: docker\nPlatforms:        linux/amd64, linux/amd64/v2, linux/386"


@pytest.mark.parametrize(
    ("shown", "platform"),
    [
        (f"{PLATFORMS}, linux/arm64", "linux/arm64"),
        (PLATFORMS, "linux/amd64"),
        ("Platforms: linux/amd64*, linux/arm64*", "linux/arm64"),
        ("no running builder", "linux/arm64"),
    ],
)
def test_a_platform_that_runs_here_is_built(
    host: Host, checkout: Path, shown: str, platform: str
) -> None:
    host.add("docker", f'[ "$2" != inspect ] || echo "{shown}"')
    host.environment["PLATFORM"] = platform
    assert host.run(f"{checkout}/docker/build", "gpu").returncode == 0
    assert sum("buildx bake" in call for call in host.called) == 2


@pytest.mark.parametrize(
    ("platform", "code", "line"),
    [
        ("arm64", 2, "build: PLATFORM is linux/amd64 or linux/arm64, not 'arm64'"),
        ("linux/386", 2, "build: PLATFORM is linux/amd64 or linux/arm64, not 'linux/386'"),
        ("linux/arm64 ", 2, "build: PLATFORM is linux/amd64 or linux/arm64, not 'linux/arm64 '"),
        (
            "linux/arm64",
            4,
            "build: this builder runs no programs for linux/arm64 (linux/amd64, linux/amd64/v2, "
            "linux/386): build on such a machine, or install QEMU and its registration with the "
            "kernel (Debian: qemu-user-binfmt)",
        ),
    ],
)
def test_a_platform_without_locks_or_that_does_not_run_here_is_refused_in_one_line(
    host: Host, checkout: Path, platform: str, code: int, line: str
) -> None:
    host.add("docker", f'[ "$2" != inspect ] || echo "{PLATFORMS}"')
    host.environment["PLATFORM"] = platform
    result = host.run(f"{checkout}/docker/build", "gpu")
    assert (result.returncode, result.stderr) == (code, f"{line}\n")
    assert not [call for call in host.called if "bake" in call]


CACHED = """#0 building with "default" instance using docker driver

#4 [internal] load metadata for docker.io/library/ubuntu:24.04
#4 DONE 0.0s

#6 [python 1/2] FROM docker.io/library/ubuntu:24.04
#6 resolve docker.io/library/ubuntu:24.04 done
#6 DONE 0.0s

#8 [internal] load build context
#8 transferring context: 3.75MB 0.2s done
#8 DONE 0.2s

#9 [tools 2/3] COPY docker/steps/layers /steps
#9 CACHED

#10 [app-built 4/4] RUN uv pip install .     && /steps/compile /layers/app
#10 CACHED
"""
EXPORTED = """
#19 exporting to image
#19 exporting layers done
#19 DONE 0.1s
"""


def shown(host: Host, checkout: Path, log: str, code: int = 0) -> tuple[int, str]:
    """The exit code and stderr of a build of which buildx prints this log."""
    host.add("docker", f"cat <<'END' >&2\n{log}END\nexit {code}")
    del host.environment["BUILDKIT_PROGRESS"]
    result = host.run(f"{checkout}/docker/build", "cpu")
    assert result.stdout == ""
    return result.returncode, result.stderr


def test_a_build_of_which_every_step_is_cached_is_one_line(host: Host, checkout: Path) -> None:
    assert shown(host, checkout, CACHED + EXPORTED) == (0, "build: the image cpu is up to date\n")


@pytest.mark.parametrize(
    "built",
    [
        "#11 [python 2/2] RUN apt-install python3\n#11 0.521 Selecting python3\n#11 DONE 9.1s\n",
        "#11 [test 5/7] COPY docker docker\n#11 DONE 0.1s\n",
        "#11 [cpu test 5/7] COPY docker docker\n#9 CACHED\n\n#11 DONE 0.1s\n",
        "#6 [python 1/2] FROM docker.io/library/ubuntu:24.04\n#6 sha256:1ab 3.1MB / 29.7MB 0.2s\n",
    ],
)
def test_a_build_of_which_a_step_is_not_cached_shows_its_log(
    built: str, host: Host, checkout: Path
) -> None:
    log = f"{CACHED}\n{built}{EXPORTED}"
    assert shown(host, checkout, log) == (0, log + log)  # of the facts, then of the image


def test_a_build_that_fails_shows_its_log_and_ends_with_its_code(
    host: Host, checkout: Path
) -> None:
    log = f"{CACHED}ERROR: failed to solve: no space left on device\n"
    assert shown(host, checkout, log, code=1) == (1, log)


def test_the_log_of_a_build_with_options_is_that_of_buildx(host: Host, checkout: Path) -> None:
    del host.environment["BUILDKIT_PROGRESS"]
    result = host.run(f"{checkout}/docker/build", "cpu", "--no-cache")
    assert result.stderr == "REVISION= SOURCE_DATE_EPOCH=none\n" * 2
    assert not any("--progress" in call for call in host.called)
