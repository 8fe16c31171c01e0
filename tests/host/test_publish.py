"""docker/release/publish.py: what it refuses and what it pushes, with stubs of docker and git."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.fakes.host import CHECKOUT, Host
from support.fakes.publishing import (
    COMMIT,
    DOCKER,
    ELSEWHERE,
    GIT,
    HERE,
    REMOTE,
    REPOSITORY,
    TARGETS,
    plan,
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of version 1.2.3."""
    folder = tmp_path / "checkout"
    shutil.copytree(CHECKOUT / "docker/release", folder / "docker/release")
    shutil.copy(CHECKOUT / "docker/build", folder / "docker")
    (folder / "docker/host").mkdir()
    shutil.copy(CHECKOUT / "docker/host/exit-codes", folder / "docker/host")
    (folder / "workload").mkdir()
    (folder / "workload/__init__.py").write_text('__version__ = "1.2.3"\n')
    return folder


@pytest.fixture
def publisher(host: Host, checkout: Path) -> Host:
    """A host that can publish that version."""
    host.environment |= {
        "CHECKOUT": str(checkout),
        "REGISTRY": "example.com/me",
        "VERSION": "1.2.3",
        "PLAN": plan(f"base@sha256:{'1' * 64}"),
        "DRIVER": "docker-container",
        "NATIVE": HERE,
        "MISSING": f"{REPOSITORY}:1.2.3-cpu: not found",
        "INDEX": str(checkout / "index"),
        "INDEX_CODE": "0",
        "BUILD_CODE": "0",
        "COMMIT": COMMIT,
        "REMOTE": REMOTE,
        "CHANGED": "",
    }
    (host.bin / "basename").symlink_to(str(shutil.which("basename")))
    host.add("docker", DOCKER)
    host.add("git", GIT)
    return host


def publish(host: Host, *step: str) -> subprocess.CompletedProcess[str]:
    script = f"{host.environment['CHECKOUT']}/docker/release/publish.py"
    return host.run(sys.executable, script, *step)


def builds(host: Host) -> list[str]:
    """The targets that were built, in their order."""
    return [found[1] for call in host.called if (found := re.search(r"labels\.json (\S+)", call))]


def indexes(host: Host) -> list[str]:
    """The commands that made an index."""
    return [call for call in host.called if "imagetools create" in call]


def refused(host: Host, code: int, *step: str) -> str:
    """Return the error line of a run that built and joined nothing."""
    result = publish(host, *step)
    assert (result.returncode, builds(host), indexes(host)) == (code, [], [])
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_every_image_is_pushed_by_digest_and_joined_under_its_tags(publisher: Host) -> None:
    result = publish(publisher)
    assert result.returncode == 0, result.stderr
    assert builds(publisher) == TARGETS
    assert indexes(publisher) == [
        "docker buildx imagetools create"
        f" --tag={REPOSITORY}:1.2.3-{target} --tag={REPOSITORY}:1.2-{target}"
        " --annotation=index:title=workload"
        f" {REPOSITORY}@sha256:{target}-{HERE.replace('/', '-')}"
        for target in TARGETS
    ]


def test_the_digests_of_the_indexes_are_printed_and_kept(publisher: Host, checkout: Path) -> None:
    printed = publish(publisher).stdout
    assert json.loads(printed)["gpu-devel"] == {
        "tag": f"{REPOSITORY}:1.2.3-gpu-devel",
        "digest": "sha256:1234",
        "image": f"{REPOSITORY}@sha256:1234",
    }
    assert (checkout / "results/published.json").read_text() == printed


def test_each_image_is_built_with_labels_of_its_versions_and_without_a_tag(
    publisher: Host,
) -> None:
    publish(publisher, "build")
    facts, image, *_ = [call for call in publisher.called if "bake" in call and "--set" in call]
    assert "*.target=facts" in facts
    assert "/labels.json cpu -f docker/release/publish.hcl --set=*.tags= " in image


def test_build_joins_nothing_and_index_builds_nothing(publisher: Host) -> None:
    assert publish(publisher, "build").returncode == 0
    assert (builds(publisher), indexes(publisher)) == (TARGETS, [])
    assert publish(publisher, "index").returncode == 0
    assert (builds(publisher), len(indexes(publisher))) == (TARGETS, len(TARGETS))


def test_an_index_joins_the_platforms_that_two_machines_pushed(
    publisher: Host, checkout: Path
) -> None:
    publish(publisher, "build")
    here = HERE.replace("/", "-")
    elsewhere = ELSEWHERE.replace("/", "-")
    for file in list((checkout / "results/published" / COMMIT).iterdir()):
        other = file.with_name(file.name.replace(here, elsewhere))
        other.write_text(file.read_text().replace(here, elsewhere))
    publisher.environment["PLATFORMS"] = f"{HERE},{ELSEWHERE}"
    assert publish(publisher, "index").returncode == 0
    joined = f" {REPOSITORY}@sha256:gpu-{here} {REPOSITORY}@sha256:gpu-{elsewhere}"
    assert indexes(publisher)[1].endswith(joined)


def test_a_failed_build_ends_it_before_any_tag_is_made(publisher: Host) -> None:
    publisher.environment["BUILD_CODE"] = "9"
    result = publish(publisher)
    assert (result.returncode, builds(publisher), indexes(publisher)) == (1, ["cpu"], [])
    assert "publish: cpu was not pushed (see above)" in result.stderr


def test_a_failed_index_ends_it(publisher: Host) -> None:
    publisher.environment["INDEX_CODE"] = "9"
    result = publish(publisher)
    assert (result.returncode, len(indexes(publisher)), result.stdout) == (1, 1, "")
    assert "publish: the index of cpu was not created (see above)" in result.stderr


# A variable of the stubs or of publish.py, its exit code, and the line that names the fault.
REFUSALS = {
    "no REGISTRY": ("REGISTRY=", 2, "usage: make publish REGISTRY=ghcr.io/me VERSION=1.2.3"),
    "no VERSION": ("VERSION=", 2, "usage: make publish REGISTRY=ghcr.io/me VERSION=1.2.3"),
    "a registry without a path": ("REGISTRY=ghcr.io", 2, "no path: add one, such as ghcr.io/me"),
    "a registry of two lines": ("REGISTRY=a\nb", 2, "REGISTRY=a b has no path"),
    "a registry in capitals": ("REGISTRY=ghcr.io/Me", 2, "must have the form ghcr.io/me, in lower"),
    "a registry with a scheme": ("REGISTRY=https://ghcr.io/me", 2, "must have the form ghcr.io/me"),
    "another version than the package's": ("VERSION=9.9.9", 2, "VERSION=9.9.9, but workload/"),
    "a remote that is a folder": ("REMOTE=/srv/workload", 2, "set SOURCE to the code's web addr"),
    "no checkout": ("COMMIT=", 4, "this is not a git checkout"),
    "uncommitted changes": ("CHANGED= M README.md", 2, "uncommitted changes (M README.md, …)"),
    "a base without a digest": (f"PLAN={plan('debian:12')}", 2, "the base debian:12 has no digest"),
    "the docker driver": ("DRIVER=docker", 4, "docker buildx create --use --driver docker-co"),
    "a builder for another platform": (
        f"NATIVE={ELSEWHERE}",
        4,
        f"the builder's platform is {ELSEWHERE}, this machine's is ",
    ),
    "a registry that does not answer": ("MISSING=no such host", 4, "cannot tell whether exampl"),
}


@pytest.mark.parametrize("fault", REFUSALS)
def test_nothing_is_built_with(publisher: Host, fault: str) -> None:
    variable, code, message = REFUSALS[fault]
    name, _, text = variable.partition("=")
    publisher.environment[name] = text
    assert message in refused(publisher, code)


@pytest.mark.parametrize("step", [(), ("build",), ("index",)])
def test_a_published_version_is_never_replaced(
    publisher: Host, checkout: Path, step: tuple[str, ...]
) -> None:
    (checkout / "index").touch()
    message = refused(publisher, 2, *step)
    assert f"{REPOSITORY}:1.2.3-cpu is published already, and is never replaced" in message


@pytest.mark.parametrize("step", [(), ("index",)])
def test_an_index_without_one_of_its_platforms_is_refused(
    publisher: Host, step: tuple[str, ...]
) -> None:
    publisher.environment["PLATFORMS"] = ELSEWHERE
    assert f"publish.py build on {ELSEWHERE} first" in refused(publisher, 2, *step)


@pytest.mark.parametrize("version", ["1.2", "1.2.3-rc1", "v1.2.3"])
def test_a_version_of_another_form_is_refused(
    publisher: Host, checkout: Path, version: str
) -> None:
    (checkout / "workload/__init__.py").write_text(f'__version__ = "{version}"\n')
    publisher.environment["VERSION"] = version
    assert f"VERSION={version} must have the form 1.2.3" in refused(publisher, 2)


def test_no_builder_is_refused(publisher: Host) -> None:
    publisher.add("docker", DOCKER.replace("printf 'Driver", "echo ERROR: no daemon >&2; : '"))
    assert "docker buildx has no running builder: ERROR: no daemon" in refused(publisher, 4)


def test_bake_files_that_bake_cannot_read_are_refused_with_its_error(publisher: Host) -> None:
    publisher.add("docker", 'echo "publish.hcl:3: invalid expression" >&2; exit 1')
    assert "bake --print failed: publish.hcl:3: invalid expression" in refused(publisher, 4)


@pytest.mark.parametrize(
    "remote",
    [
        REMOTE,
        "ssh://git@github.com/me/workload.git",
        "https://user:secret@github.com/me/workload",
    ],
)
def test_the_source_is_a_web_address_without_credentials(publisher: Host, remote: str) -> None:
    publisher.environment |= {"REMOTE": remote, "DRY_RUN": "1"}
    publisher.add(
        "docker", DOCKER.replace('echo "$PLAN"', 'echo "$PLAN"; echo "$SOURCE" >"$INDEX"')
    )
    assert publish(publisher).returncode == 0
    source = Path(publisher.environment["INDEX"]).read_text()
    assert source == "https://github.com/me/workload\n"


def test_a_dry_run_prints_the_plan_and_does_nothing(publisher: Host, checkout: Path) -> None:
    publisher.environment["DRY_RUN"] = "1"
    result = publish(publisher)
    assert (result.returncode, builds(publisher), indexes(publisher)) == (0, [], [])
    assert not (checkout / "results").exists()
    *_, last = result.stdout.splitlines()
    assert last.endswith(f"{REPOSITORY}@DIGEST-OF-gpu-devel-{HERE.replace('/', '-')}")
