"""The images work without any privilege, and contain no secret."""

import io
import json
import re
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest
from support.containers import NOTHING_ALLOWED, Containers
from support.imported_modules import RUN_AND_TELL, require_compiled
from support.records.validity import invalidity
from support.saved_image import saved_image

from docker import DockerClient

# A tmpfs goes with its container: the record is read before that.
RUN_AND_SHOW = 'mkdir -p /tmp/results && python -B -c "$0" "$1" >&2 && cat /tmp/results/*.json'
# Who may write where: the system's own shared folders, and where a run leaves its results.
WRITABLE = {"/tmp", "/var/tmp", "/run/lock", "/workspace", "/workspace/results"}
WORLD_WRITABLE = "find / -xdev -not -type l -perm -0002"
LEFTOVERS = (
    "find /var/cache/apt/archives /var/lib/apt/lists /root/.cache /tmp /var/tmp -type f "
    "-not -name lock; find / -xdev -type f -regex "
    r"'.*/\(\.[a-z]+_history\|\.netrc\|\.?pip\.conf\|[^/]+\.\(deb\|whl\|key\)\)'"
)
# What a build may have been told, and must not repeat: settings of proxies, indexes, secrets.
TOLD = re.compile(r"(?i)proxy|index-url|index_url|password|token|secret=|://[^/ ]+@")
SPECIAL_BITS = "find / -xdev -type f -perm /6000"
FIRST_STEP = "/apt-install python3"
CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nMII"  # and what each begins with
PUBLIC = "pip/_vendor/certifi/cacert.pem"  # Mozilla's bundle, which comes with pip
SMALL_BYTES = 1 << 20  # a bundle of certificates is smaller


@pytest.mark.timeout(420)
def test_the_main_job_needs_no_privilege_and_compiles_nothing(containers: Containers) -> None:
    command = "run --device cpu --budget 2 --sizes 64"
    words = ("sh", "-c", RUN_AND_SHOW, RUN_AND_TELL, command)
    ended = containers.run(*words, timeout_sec=400, **NOTHING_ALLOWED)
    assert ended.code == 0, ended.stderr
    assert invalidity(json.loads(ended.stdout)) is None
    require_compiled(ended.stderr)


def test_an_arbitrary_user_can_write_a_record(containers: Containers) -> None:
    ended = containers.run("sh", "-c", "touch results/one && ls results", user="12345:12345")
    assert (ended.code, ended.stdout) == (0, "one\n")


def test_no_file_makes_its_caller_another_user(containers: Containers) -> None:
    ended = containers.run("sh", "-c", SPECIAL_BITS, user="0")
    assert (ended.code, ended.stdout) == (0, "")


def test_only_the_declared_folders_are_writable_by_everybody(containers: Containers) -> None:
    ended = containers.run("sh", "-c", WORLD_WRITABLE, user="0")
    assert (ended.code, set(ended.stdout.split())) == (0, WRITABLE)


def test_nothing_is_left_of_installing_or_of_a_shell(containers: Containers) -> None:
    assert containers.run("sh", "-c", LEFTOVERS, user="0").stdout == ""


def test_no_step_of_the_history_tells_what_the_build_was_told(
    client: DockerClient, image: str
) -> None:
    steps = [str(step["CreatedBy"]) for step in client.images.get(image).history()]
    assert len(steps) > 3
    assert [step for step in steps if TOLD.search(step)] == []


def test_no_setting_points_at_a_certificate(config: dict[str, Any]) -> None:
    assert [setting for setting in config["Env"] if re.search("CERT|CA_BUNDLE", setting)] == []


@pytest.mark.timeout(300)
def test_no_layer_of_ours_holds_a_certificate(client: DockerClient, image: str) -> None:
    saved = Saved(client, image)
    assert len(saved.our_layers) > 3  # Python, libraries, the package, …
    files = [file for layer in saved.our_layers for file in saved.holders[layer]]
    assert [file for file in files if not file.endswith(PUBLIC)] == []


class Saved:
    """What `docker save` shows: also files that a later layer hides.

    `holders`: per layer the files with a certificate in them. `our_layers`: those that the
    Dockerfile added to its base.
    """

    def __init__(self, client: DockerClient, image: str) -> None:
        self.holders: dict[str, list[str]] = {}
        documents: dict[str, Any] = {}
        with tarfile.open(fileobj=saved_image(client, image), mode="r|") as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is None:
                    continue
                if member.size >= SMALL_BYTES:
                    self.holders[member.name] = list(certificates(content))
                elif (text := content.read()).startswith((b"{", b"[")):
                    documents[member.name] = json.loads(text)
                elif tarfile.is_tarfile(io.BytesIO(text)):
                    self.holders[member.name] = list(certificates(io.BytesIO(text)))
        (manifest,) = documents["manifest.json"]
        history = documents[manifest["Config"]]["history"]
        made_by = [entry.get("created_by", "") for entry in history]  # an import says nothing
        first = next(i for i, step in enumerate(made_by) if FIRST_STEP in step)
        ours = sum(not entry.get("empty_layer") for entry in history[first:])
        self.our_layers = manifest["Layers"][-ours:]


def certificates(layer: Any) -> Iterator[str]:
    """The small files of a layer that hold a certificate."""
    with tarfile.open(fileobj=layer, mode="r|") as archive:
        for member in archive:
            small = member.isreg() and member.size < SMALL_BYTES
            content = archive.extractfile(member) if small else None
            if content and CERTIFICATE in content.read():
                yield member.name
