"""docker/image_checks.py: what an image must say of itself, and its packages and size."""

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support.image_cases import SITE, image, stream

DOCKER = Path(__file__).parents[3] / "docker"
OCI = "org.opencontainers.image"


def test_a_long_list_of_faults_is_cut_with_its_count(checks: ModuleType) -> None:
    assert checks.named(list("abcdefg")) == "a, b, c, d, e and 2 more"


def test_a_package_that_is_not_as_locked_is_named(contents: ModuleType, checks: ModuleType) -> None:
    inside = contents.read(stream(image()))
    assert inside.versions == {"one": "1.0"}
    assert checks.packages(inside, []).words == "1 as locked"
    finding = checks.packages(inside, ["one 1.0 is not in the lock"])
    assert (finding.holds, finding.words) == (False, "one 1.0 is not in the lock")


@pytest.fixture
def labelled(contents: ModuleType, checks: ModuleType) -> Any:
    """The finding on the labels of a CPU image with torch 2.0 inside."""
    versions = {"workload": "0.1", "torch": "2.0+cpu"}
    distributions = {f"{SITE}/torch.dist-info/METADATA": "torch"}

    def judged(labels: dict[str, str], *files: str, torch: str = "2.0+cpu") -> Any:
        inside = contents.Contents(
            {},
            dict.fromkeys(files, "0"),
            {},
            {},
            versions | {"torch": torch},
            distributions=distributions,
        )
        return checks.labels({"Config": {"Labels": labels}}, "cpu", inside)

    return judged


def right_labels(checks: ModuleType) -> dict[str, str]:
    named = dict.fromkeys((*checks.LABELS, *checks.MEASURED, f"{OCI}.base.name"), "x")
    return named | {
        f"{OCI}.version": "0.1",
        "workload.torch": "2.0+cpu",
        "workload.python": "3.11.2",
    }


def test_labels_that_are_all_there_and_true_hold(labelled: Any, checks: ModuleType) -> None:
    assert labelled(right_labels(checks)).holds


def test_a_missing_label_is_named(labelled: Any, checks: ModuleType) -> None:
    finding = labelled(right_labels(checks) | {f"{OCI}.revision": ""})
    assert (finding.holds, finding.words) == (False, f"missing: {OCI}.revision")


@pytest.mark.parametrize(
    ("label", "said", "inside"),
    [
        ("workload.torch", "2.1+cpu", "2.0+cpu"),
        ("workload.torch", "2.0+cu130", "2.0+cpu"),
        ("workload.python", "3.12.2", "3.11"),
        (f"{OCI}.version", "0.1+other", "0.1"),
    ],
)
def test_a_label_that_says_another_version_is_named(
    labelled: Any, checks: ModuleType, label: str, said: str, inside: str
) -> None:
    finding = labelled(right_labels(checks) | {label: said})
    assert (finding.holds, finding.words) == (False, f"{label} is {said}, inside is {inside}")


def test_torch_from_pypi_adds_its_cuda_to_its_version(labelled: Any, checks: ModuleType) -> None:
    right = right_labels(checks) | {"workload.torch": "2.0+cu130", "workload.cuda": "13.0"}
    assert labelled(right, torch="2.0").holds
    assert not labelled(right | {"workload.torch": "2.0+cu126"}, torch="2.0").holds


GXX = "usr/bin/x86_64-linux-gnu-g++-12"


def test_a_toolchain_goes_with_its_label(labelled: Any, checks: ModuleType) -> None:
    devel = right_labels(checks) | {"workload.devel": "true"}
    assert labelled(devel, GXX).holds
    assert labelled(devel).words == "workload.devel is true, inside is no compiler"
    without = labelled(right_labels(checks), GXX)
    assert (without.holds, without.words) == (False, f"workload.devel is None, inside is {GXX}")


def test_of_what_publishing_adds_nothing_may_be_missing(labelled: Any, checks: ModuleType) -> None:
    finding = labelled(right_labels(checks) | {f"{OCI}.created": "x", f"{OCI}.source": "x"})
    assert finding.words == f"missing: {OCI}.base.digest"


@pytest.mark.parametrize(
    ("image", "known", "holds"),
    [
        ("a:1", [], None),
        ("a:1", ["a@sha256:1"], True),
        ("a@sha256:1", ["a@sha256:1"], True),
        ("a@sha256:2", ["a@sha256:1"], False),
    ],
)
def test_the_digest_is_the_one_that_was_asked_for(
    checks: ModuleType, image: str, known: list[str], holds: bool | None
) -> None:
    assert checks.digest({"RepoDigests": known}, image).holds is holds


@pytest.mark.parametrize(
    ("labels", "recipe"),
    [({"workload.devel": "true"}, "gpu-devel"), ({"a": "b"}, "gpu"), (None, "gpu")],
)
def test_a_label_tells_an_image_with_a_toolchain(
    checks: ModuleType, labels: dict[str, str] | None, recipe: str
) -> None:
    assert checks.recipe({"Config": {"Labels": labels}}, "gpu") == recipe


def test_every_published_image_has_a_size_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DOCKER)
    release = importlib.import_module("release")
    budgets = json.loads((DOCKER / "size-budget.json").read_text())
    assert {*budgets} == {*release.targets((DOCKER / "docker-bake.hcl").read_text())}


@pytest.mark.parametrize(("budget", "holds"), [(30, True), (29, False)])
def test_the_size_counts_from_the_first_step_on(
    checks: ModuleType, budget: int, holds: bool
) -> None:
    layers = [("base", 100), ("RUN /x/apt-install python3", 10), ("COPY", 20)]
    assert checks.size(layers, budget).holds is holds


def test_a_history_without_the_first_step_does_not_hold(checks: ModuleType) -> None:
    assert checks.size([("base", 1)], 100).holds is False


RIGHT_ENV = ["PATH=/opt/venv/bin:/usr/bin", "PYTHONUNBUFFERED=1", "WITHOUT_A_VALUE"]


def test_settings_of_the_dockerfile_hold(checks: ModuleType) -> None:
    libraries = "LD_LIBRARY_PATH=/usr/local/nvidia/lib64"
    assert checks.settings({"Config": {"Env": [*RIGHT_ENV, libraries]}}).holds


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"Env": [*RIGHT_ENV, "LD_PRELOAD=/evil.so"]}, "LD_PRELOAD=/evil.so"),
        ({"Env": [*RIGHT_ENV, "PYTHONPATH=/evil"]}, "PYTHONPATH=/evil"),
        ({"Env": [*RIGHT_ENV, "LD_LIBRARY_PATH=/evil"]}, "LD_LIBRARY_PATH=/evil"),
        ({"Env": ["PATH=/evil:/opt/venv/bin"]}, "PATH=/evil:/opt/venv/bin"),
        ({"Env": RIGHT_ENV, "Entrypoint": ["/evil", "x"]}, "an entrypoint /evil x"),
        ({"Env": RIGHT_ENV, "Volumes": {"/opt/venv": {}}}, "a volume /opt/venv"),
    ],
)
def test_what_comes_before_what_a_person_runs_is_named(
    checks: ModuleType, setting: dict[str, Any], words: str
) -> None:
    finding = checks.settings({"Config": setting})
    assert (finding.holds, finding.words) == (False, words)


def test_an_image_without_settings_has_no_path(checks: ModuleType) -> None:
    assert checks.settings({"Config": None}).words == "PATH=None"


def test_a_name_that_no_terminal_should_get_is_escaped(checks: ModuleType) -> None:
    assert (
        checks.named(["a\nb", "\x1b[8m", "\udcff", "ő"]) == r"'a\nb', '\x1b[8m', '\udcff', '\u0151'"
    )
