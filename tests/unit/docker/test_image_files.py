"""docker/image_contents.py and image_checks.py: what an image's files must be."""

import importlib
import json
from types import ModuleType
from typing import Any

import pytest
from support.image_cases import CODE, PYVENV, SITE, STATUS, TOOL, image, record, stream


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
    words = "5 as their packages say; as cuts.toml says 1 are left out and 1 stripped"
    assert (finding.holds, finding.words) == (True, words)


def test_what_the_list_does_not_have_is_named_whatever_the_image_says(judged_with: Any) -> None:
    assert judged_with(cut_image(), "code").words == f"gone: {SITE}/one.py"
    assert judged_with(cut_image(), "tool").words == "changed: opt/venv/bin/one"


def test_what_the_image_does_not_say_was_cut_is_named(judged_with: Any) -> None:
    files = cut_image() | {"opt/venv/share/workload/cuts-torch.json": b"not a list"}
    words = judged_with(files).words
    assert words == (
        "unreadable: opt/venv/share/workload/cuts-torch.json; "
        f"changed: opt/venv/bin/one; gone: {SITE}/one.py"
    )


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
    md5s = contents.read(stream(image(), hard=("usr/lib/libc.so.6", "usr/lib/libc.so"))).md5
    assert md5s["usr/lib/libc.so.6"] == md5s["usr/lib/libc.so"]


@pytest.mark.parametrize(
    ("path", "to"), [(f"{SITE}/zz.pth", "home/x"), ("usr/bin/one", "opt/venv/bin/one")]
)
def test_a_hard_link_over_the_border_of_the_venv_is_named(judged: Any, path: str, to: str) -> None:
    finding = judged(image() | {"home/x": b"import os"}, hard=(path, to))
    assert (finding.holds, finding.words) == (False, f"of no package: {path}")


def test_a_list_that_is_a_hard_link_is_unreadable_as_its_text_went_by(judged: Any) -> None:
    files = image()
    del files[STATUS]
    finding = judged(files | {"home/x": b""}, hard=(STATUS, "home/x"))
    assert f"unreadable: {STATUS}" in finding.words


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b"home = /usr/bin", b"home = /home/bin"),
        (b"packages = false", b"packages = true"),
        (b"version = 3.11.2\n", b"version = 3.11.2\nhome = /home/bin\n"),
    ],
)
def test_a_venv_of_another_python_or_open_to_another_library_is_named(
    judged: Any, right: bytes, wrong: bytes
) -> None:
    finding = judged(image() | {PYVENV: image()[PYVENV].replace(right, wrong)})
    assert (finding.holds, finding.words) == (False, f"changed: {PYVENV}")


def test_a_venv_of_python_3_10_says_less(judged: Any) -> None:
    said = b"home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.10.12\n"
    assert judged(image() | {PYVENV: said}).holds


IMPORT = b"import os"


def test_a_file_that_its_record_does_not_vouch_for_is_named(judged: Any) -> None:
    silent = image()[f"{SITE}/one-1.0.dist-info/RECORD"].replace(record(CODE).encode(), b"")
    finding = judged(image() | {f"{SITE}/one-1.0.dist-info/RECORD": silent})
    assert (finding.holds, finding.words) == (False, f"without a digest: {SITE}/one.py")


def distribution(folder: str, name: str = "", *more: str) -> dict[str, bytes]:
    """A RECORD in a folder, the METADATA it is beside if that has a name, and files it claims."""
    about = f"Name: {name}\nVersion: 9\n".encode()
    lines = [f"{folder}/RECORD,,", *(f"{path},{record(IMPORT)},9" for path in more)]
    lines += [f"{folder}/METADATA,{record(about)},1"] if name else []
    metadata = {f"{SITE}/{folder}/METADATA": about} if name else {}
    return {f"{SITE}/{folder}/RECORD": "\n".join(lines).encode()} | metadata


def test_a_distribution_that_is_there_twice_is_named(judged: Any) -> None:
    finding = judged(image() | distribution("aaa.dist-info", "ONE"))
    assert (finding.holds, finding.words) == (False, "no right distribution: one")


def test_a_record_without_a_metadata_beside_it_is_named(judged: Any) -> None:
    claimed = distribution("aaa.dist-info", "", "evil.pth") | {f"{SITE}/evil.pth": b"import os"}
    finding = judged(image() | claimed)
    words = f"no right distribution: {SITE}/aaa.dist-info"
    assert (finding.holds, finding.words) == (False, words)


def test_a_distribution_in_another_folder_is_named(judged: Any) -> None:
    astray = "opt/venv/lib/x/site-packages/aaa.dist-info"
    claims = b"../../python3.11/site-packages/evil.pth,,\naaa.dist-info/RECORD,,\n"
    files = image() | {f"{SITE}/evil.pth": b"", f"{astray}/RECORD": claims}
    finding = judged(files)
    assert finding.words == (
        f"of no package: {SITE}/evil.pth, {astray}/RECORD; no right distribution: {astray}"
    )


def test_what_a_distribution_brings_along_of_others_is_its_own(judged: Any) -> None:
    path = "one/_vendor/two-1.dist-info/METADATA"
    files = image()
    about = b"Name: two\nVersion: 1\n"
    files[f"{SITE}/one-1.0.dist-info/RECORD"] += f"\n{path},{record(about)},9".encode()
    assert judged(files | {f"{SITE}/{path}": about}).holds
