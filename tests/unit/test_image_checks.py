"""docker/image_contents.py and image_checks.py: what an image's files must be."""

import importlib
import io
import json
import tarfile
from base64 import urlsafe_b64encode
from hashlib import md5, sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

DOCKER = Path(__file__).parents[2] / "docker"
SITE = "opt/venv/lib/python3.11/site-packages"
CODE, TOOL = b"print(1)\n", b"tool"
OCI = "org.opencontainers.image"


def record(content: bytes) -> str:
    """A digest as a RECORD has it."""
    return "sha256=" + urlsafe_b64encode(sha256(content).digest()).rstrip(b"=").decode()


def image() -> dict[str, bytes]:
    """A right image: one Python package with a command, and one of the distribution."""
    lines = [
        f"one.py,{record(CODE)},9",
        f"../../../bin/one,{record(TOOL)},4",
        "one-1.0.dist-info/METADATA,,",
        "one-1.0.dist-info/RECORD,,",
    ]
    return {
        f"{SITE}/one.py": CODE,
        "opt/venv/bin/one": TOOL,
        "opt/venv/pyvenv.cfg": b"home = /usr/bin\n",
        f"{SITE}/one-1.0.dist-info/METADATA": b"Name: One\nVersion: 1.0\n\nVersion: 9\n",
        f"{SITE}/one-1.0.dist-info/RECORD": "\n".join(lines).encode(),
        "usr/lib/libc.so": b"libc",
        "var/lib/dpkg/info/libc6:amd64.md5sums": (
            f"{md5(b'libc', usedforsecurity=False).hexdigest()}  lib/libc.so\n"
            f"{'0' * 32}  usr/share/man/man1/x.1.gz\n"
        ).encode(),
    }


LINKS = {"lib": "usr/lib", "opt/venv/lib64": "lib", "opt/venv/bin/python": "/usr/bin/python3"}


def stream(files: dict[str, bytes], links: dict[str, str] | None = None) -> io.BytesIO:
    """An image as `docker export` writes it, with a system's links, a venv's and `links`."""
    stored = io.BytesIO()
    with tarfile.open(fileobj=stored, mode="w") as archive:
        for name, to in (LINKS | (links or {})).items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, to
            archive.addfile(link)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    stored.seek(0)
    return stored


@pytest.fixture
def contents(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(DOCKER)
    return importlib.import_module("image_contents")


@pytest.fixture
def checks(contents: ModuleType) -> ModuleType:
    assert contents  # on the path
    return importlib.import_module("image_checks")


@pytest.fixture
def judged(contents: ModuleType, checks: ModuleType) -> Any:
    """The finding on an image's files."""
    return lambda files, links=None: checks.files(contents.read(stream(files, links)))


def test_a_right_image_is_as_its_packages_say(judged: Any) -> None:
    assert judged(image()).holds


@pytest.mark.parametrize("path", [f"{SITE}/one.py", "opt/venv/bin/one", "usr/lib/libc.so"])
def test_a_changed_file_is_named(judged: Any, path: str) -> None:
    finding = judged(image() | {path: b"something else"})
    assert (finding.holds, finding.words) == (False, f"changed: {path}")


@pytest.mark.parametrize("path", [f"{SITE}/one.py", "usr/lib/libc.so"])
def test_a_missing_file_is_named(judged: Any, path: str) -> None:
    files = image()
    del files[path]
    assert judged(files).words == f"gone: {path}"


STRIPPED = b"tool without names"


def cut_image(tool: bytes = STRIPPED) -> dict[str, bytes]:
    """The right image without one.py and with its command stripped, as it says itself."""
    before, after = (record(content).removeprefix("sha256=") for content in (TOOL, STRIPPED))
    said = [
        {"id": "code", "applied": True},
        {"id": "tool", "applied": True, "digests": {"../../../bin/one": [before, after]}},
    ]
    files = image() | {
        "opt/venv/bin/one": tool,
        "opt/venv/share/workload/cuts-torch.json": json.dumps(said).encode(),
    }
    del files[f"{SITE}/one.py"]
    return files


@pytest.fixture
def judged_with(contents: ModuleType, checks: ModuleType) -> Any:
    """The finding on an image's files, by a list of cuts: a word for each that is left out."""
    cuts = importlib.import_module("cuts")
    listed = {
        "code": cuts.Cut("code", ("cpu",), "one", "delete", ("one.py",), "why"),
        "tool": cuts.Cut("tool", ("cpu",), "one", "strip-symbols", ("../../../bin/*",), "why"),
    }
    return lambda files, *without, links=None: checks.files(
        contents.read(stream(files, links)),
        [cut for name, cut in listed.items() if name not in without],
    )


def test_what_list_and_image_say_was_cut_is_accepted_and_counted(judged_with: Any) -> None:
    finding = judged_with(cut_image())
    words = "4 as their packages say; as cuts.toml says 1 are left out and 1 stripped"
    assert (finding.holds, finding.words) == (True, words)


def test_what_the_list_does_not_have_is_named_whatever_the_image_says(judged_with: Any) -> None:
    assert judged_with(cut_image(), "code").words == f"gone: {SITE}/one.py"
    assert judged_with(cut_image(), "tool").words == "changed: opt/venv/bin/one"


def test_what_the_image_does_not_say_was_cut_is_named(judged_with: Any) -> None:
    files = cut_image() | {"opt/venv/share/workload/cuts-torch.json": b"not a list"}
    both = f"changed: opt/venv/bin/one; gone: {SITE}/one.py"
    assert judged_with(files).words == both


def test_a_stripped_file_with_another_digest_is_named(judged_with: Any) -> None:
    assert judged_with(cut_image(b"a stranger")).words == "changed: opt/venv/bin/one"


def test_a_link_in_the_place_of_what_was_cut_is_named(judged_with: Any) -> None:
    finding = judged_with(cut_image(), links={f"{SITE}/one.py": "/usr/share/other.py"})
    words = f"gone: {SITE}/one.py; of no package: {SITE}/one.py"
    assert (finding.holds, finding.words) == (False, words)


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (f"{SITE}/sitecustomize.py", "/usr/share/other.py"),
        ("opt/venv/bin/python3", "/usr/share/other"),
        ("opt/venv/lib64", "/usr/share"),
    ],
)
def test_a_link_that_no_venv_has_is_named(judged: Any, path: str, to: str) -> None:
    finding = judged(image(), links={path: to})
    assert (finding.holds, finding.words) == (False, f"of no package: {path}")


def test_a_devel_image_has_back_what_was_kept_for_it(checks: ModuleType) -> None:
    assert checks  # on the path
    cuts = importlib.import_module("cuts")
    listed = [
        cuts.Cut("headers", ("cpu",), "one", "delete", ("*.h",), "why", devel="keeps"),
        cuts.Cut("tests", ("cpu",), "one", "delete", ("tests/**",), "why"),
    ]
    ids = {name: [cut.id for cut in cuts.of(name, listed)] for name in ("cpu", "cpu-devel", "gpu")}
    assert ids == {"cpu": ["headers", "tests"], "cpu-devel": ["tests"], "gpu": []}


def test_a_file_of_no_package_is_named(judged: Any) -> None:
    finding = judged(image() | {f"{SITE}/sitecustomize.py": b""})
    assert finding.words == f"of no package: {SITE}/sitecustomize.py"


def test_compiled_files_belong_to_no_package(judged: Any) -> None:
    assert judged(image() | {f"{SITE}/__pycache__/one.cpython-311.pyc": b""}).holds


def test_a_hard_link_has_the_content_of_its_file(contents: ModuleType) -> None:
    stored = stream(image())
    with tarfile.open(fileobj=stored, mode="a") as archive:
        link = tarfile.TarInfo("usr/lib/libc.so.6")
        link.type, link.linkname = tarfile.LNKTYPE, "usr/lib/libc.so"
        archive.addfile(link)
    stored.seek(0)
    md5s = contents.read(stored).md5
    assert md5s["usr/lib/libc.so.6"] == md5s["usr/lib/libc.so"]


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

    def judged(labels: dict[str, str], *files: str) -> Any:
        inside = contents.Contents({}, dict.fromkeys(files, "0"), {}, {}, versions)
        return checks.labels({"Config": {"Labels": labels}}, "cpu", inside)

    return judged


def right_labels(checks: ModuleType) -> dict[str, str]:
    named = dict.fromkeys((*checks.LABELS, *checks.MEASURED, f"{OCI}.base.name"), "x")
    return named | {f"{OCI}.version": "0.1", "workload.torch": "2.0+cpu"}


def test_labels_that_are_all_there_and_true_hold(labelled: Any, checks: ModuleType) -> None:
    assert labelled(right_labels(checks)).holds


def test_a_missing_label_is_named(labelled: Any, checks: ModuleType) -> None:
    finding = labelled(right_labels(checks) | {f"{OCI}.revision": ""})
    assert (finding.holds, finding.words) == (False, f"missing: {OCI}.revision")


def test_a_label_that_says_another_version_is_named(labelled: Any, checks: ModuleType) -> None:
    finding = labelled(right_labels(checks) | {"workload.torch": "2.1+cpu"})
    assert (finding.holds, finding.words) == (False, "workload.torch is 2.1+cpu, inside is 2.0+cpu")


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
