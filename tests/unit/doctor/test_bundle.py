"""`workload doctor --bundle`: what a bug report needs, without names and secrets."""

import io
import json
import platform
import re
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.doctor.machines import machine
from support.outcome import Outcome
from support.records.validity import invalidity

from workload.cli.steps import doctor
from workload.core.errors import ExitCode
from workload.core.models.finding import State
from workload.doctor.bundle import archive, is_bundle
from workload.doctor.redaction import SECRET

Workload = Callable[..., Outcome]
PLANTED = {
    "AWS_ACCESS_KEY_ID": "AKIAQWERTYUIOPASDFGH",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMIbPxRfiCYzzzzzzzzzzzzzzzzzzz",
    "HF_TOKEN": "hf_QwErTyUiOpAsDfGhJkLzXcVb",
    "HTTPS_PROXY": "http://carol:hunter2@proxy.example.org:3128",
    "MYSQL_PASSWORD": "tr0ub4dor&3",
    "HOME": "/srv/people/alexandra",
    "USER": "alexandra",
    "HOSTNAME": "node17.cluster.example.org",
    # On the list of variables that are included, with values that must be hidden.
    "LD_LIBRARY_PATH": "/home/robert/lib:/x/https://bob:s3cr3t@host/lib:/y/tr0ub4dor&3/lib",
    "CUDA_HOME": "/nfs/alexandra/cuda?token=abcdef123456",
    "LD_PRELOAD": "/opt/hf_QwErTyUiOpAsDfGhJkLzXcVb/x.so /opt/node17/y.so /opt/quokka7/z.so",
    "NCCL_DEBUG": "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
}
UNTOLD = (
    "AKIAQWERTY wJalrXUtn hf_QwErTy carol hunter2 tr0ub4dor alexandra node17 robert bob: s3cr3t "
    "abcdef123456 ghp_0123 quokka7"
).split()


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "quokka7")
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)


def save(workload: Workload, path: Path, *more: str) -> Outcome:
    return workload("doctor", "--quick", "--device", "cpu", "--bundle", path, *more)


def members(path: Path) -> dict[str, str]:
    with tarfile.open(path) as tar:
        files = {one.name: tar.extractfile(one) for one in tar.getmembers()}
        return {name: file.read().decode() for name, file in files.items() if file}


@pytest.mark.usefixtures("planted")
def test_no_planted_secret_and_no_name_is_in_any_byte(workload: Workload, tmp_path: Path) -> None:
    path = tmp_path / "alexandra.tar.gz"
    save(workload, path)
    with tarfile.open(path) as tar:
        heads = [" ".join((one.name, one.uname, one.gname)) for one in tar.getmembers()]
    texts = [*heads, *members(path).values()]
    assert {word for word in UNTOLD for text in texts if word in text} == set()


@pytest.mark.usefixtures("planted")
def test_the_text_around_a_secret_is_kept(workload: Workload, tmp_path: Path) -> None:
    save(workload, tmp_path / "b.tar.gz")
    environment = json.loads(members(tmp_path / "b.tar.gz")["workload-doctor/record.json"])[
        "environment"
    ]["environment"]
    assert environment["LD_LIBRARY_PATH"] == (
        f"/home/USER/lib:/x/https://{SECRET}@host/lib:/y/{SECRET}/lib"
    )
    assert environment["CUDA_HOME"] == f"/nfs/USER/cuda?token={SECRET}"


@pytest.mark.usefixtures("planted")
def test_a_variable_that_is_not_on_the_list_is_left_out(
    workload: Workload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_PROJECT", "aurora-borealis")
    save(workload, tmp_path / "b.tar.gz")
    assert "aurora" not in "".join(members(tmp_path / "b.tar.gz").values())


def test_the_bundle_has_a_valid_record_the_findings_and_the_facts(
    workload: Workload, tmp_path: Path
) -> None:
    outcome = save(workload, tmp_path / "b.tar.gz")
    assert outcome.code == ExitCode.OK
    found = {name.partition("/")[2]: text for name, text in members(tmp_path / "b.tar.gz").items()}
    assert found.keys() >= {"record.json", "doctor.txt", "packages.txt", "cgroup.txt"}
    document = json.loads(found["record.json"])
    assert invalidity(document) is None
    assert document["environment"]["depth"] == "quick"
    assert document["findings"]
    assert found["doctor.txt"].startswith("doctor     PASS: ")
    assert re.search("^fact +value$", found["doctor.txt"], re.MULTILINE)
    assert any(line.startswith("torch==") for line in found["packages.txt"].splitlines())


def test_only_the_owner_can_read_the_bundle(workload: Workload, tmp_path: Path) -> None:
    save(workload, tmp_path / "b.tar.gz")
    assert stat.S_IMODE((tmp_path / "b.tar.gz").stat().st_mode) == 0o600


def test_a_bundle_replaces_an_earlier_one(workload: Workload, tmp_path: Path) -> None:
    path = tmp_path / "b.tar.gz"
    path.write_bytes(archive({"old.txt": "old"}))
    assert save(workload, path).code == ExitCode.OK
    assert "workload-doctor/old.txt" not in members(path)


def other_archive() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("thesis.tex"))
    return packed.getvalue()


@pytest.mark.parametrize(
    "content",
    [b"", b"my thesis", other_archive(), archive({})[:12]],
    ids=["empty", "text", "another archive", "part of an archive"],
)
def test_a_file_that_is_no_bundle_is_not_overwritten(
    workload: Workload, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "thesis.tar.gz"
    path.write_bytes(content)
    outcome = save(workload, path)
    assert outcome.code == ExitCode.BAD_INPUT
    assert (
        "exists and is not a bundle of this command, so it is not replaced: choose another"
        in outcome.stderr
    )
    assert outcome.stderr.count("\n") == 1
    assert path.read_bytes() == content


@pytest.mark.parametrize("path", [".", "/dev/null"])
def test_folders_and_devices_are_refused(workload: Workload, path: str) -> None:
    assert save(workload, Path(path)).code == ExitCode.BAD_INPUT


def test_an_impossible_file_name_is_refused(workload: Workload) -> None:
    outcome = save(workload, Path("a" * 300 + ".tar.gz"))
    assert outcome.code == ExitCode.BAD_INPUT
    assert "the path of --bundle is too long: choose another" in outcome.stderr


def test_a_bundle_that_cannot_be_written_is_exit_6_in_one_line(
    workload: Workload, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    outcome = save(workload, tmp_path / "file/b.tar.gz")
    assert outcome.code == ExitCode.NOT_SAVED
    assert outcome.stderr.startswith("workload doctor: the bundle could not be written to ")
    assert outcome.stderr.count("\n") == 1


def test_a_failure_outweighs_a_bundle_that_cannot_be_written(
    workload: Workload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = machine(torch=None, torch_error="no")
    monkeypatch.setattr(doctor, "gather", lambda *_, **__: facts)
    (tmp_path / "file").write_text("in the way")
    assert save(workload, tmp_path / "file/b.tar.gz").code == ExitCode.UNFIT


def test_a_failure_is_in_the_bundle(
    workload: Workload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = machine(torch=None, torch_error="libfoo.so: cannot open")
    monkeypatch.setattr(doctor, "gather", lambda *_, **__: facts)
    outcome = save(workload, tmp_path / "b.tar.gz")
    assert outcome.code == ExitCode.UNFIT
    found = members(tmp_path / "b.tar.gz")
    assert "libfoo.so: cannot open" in found["workload-doctor/doctor.txt"]
    assert json.loads(found["workload-doctor/record.json"])["exit_code"] == ExitCode.UNFIT
    assert "/site-packages/nvidia/" in found["workload-doctor/libraries.txt"]


def test_the_same_texts_make_the_same_bytes() -> None:
    assert archive({"a": "b"}) == archive({"a": "b"})


def test_a_bundle_is_recognized_by_its_header() -> None:
    assert is_bundle(archive({"a": "b"}))
    assert not is_bundle(other_archive())


@pytest.mark.parametrize("name", ["MY_TOKEN", "AUTH_MODE", "USER", "HOSTNAME"])
def test_a_value_that_is_a_word_of_the_record_breaks_no_bundle(
    name: str, workload: Workload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "unknown" if "T" in name else "pass")
    assert save(workload, tmp_path / "b.tar.gz").code == ExitCode.OK
    told = json.loads(members(tmp_path / "b.tar.gz")["workload-doctor/record.json"])
    assert {finding["state"] for finding in told["findings"]} <= {state.value for state in State}


def test_a_secret_that_a_table_would_wrap_is_hidden(
    workload: Workload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = [f"{number:08x}" for number in range(7**8, 7**8 + 40)]
    monkeypatch.setenv("MY_TOKEN", "".join(pieces))
    monkeypatch.setenv("CUDA_HOME", f"/{'x' * 100}/{''.join(pieces)}")
    save(workload, tmp_path / "b.tar.gz")
    told = "".join(members(tmp_path / "b.tar.gz").values())
    assert [piece for piece in pieces if piece in told] == []
