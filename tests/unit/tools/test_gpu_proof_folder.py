"""The folder of a proof stays small and sendable, and an error of the disk ends nothing."""

import json
import os
import resource
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from tools.gpu_proof import archive, folder
from tools.gpu_proof.folder import ARCHIVE, EVENTS, LOG, Folder, Output

from workload.core.errors import BadInputError
from workload.doctor.redaction import Redaction

TESTS = Path(__file__).parents[2]
# A proof whose files may have this many bytes and no more, as on a disk that is full.
FULL = """
import os, resource, sys
from pathlib import Path
from tools.gpu_proof.folder import Folder
from tools.gpu_proof.plan import Step
from tools.gpu_proof.proof import Proof
out = Path(sys.argv[1])
folder = Folder(out)
(out / "run-gpu.json").write_text(os.urandom(4000).hex())
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
proof = Proof(folder, out)
proof.run([Step(name, 60.0, (sys.executable, "-c", "print('x' * 900)")) for name in "abcdef"])
print(proof.states, folder.pack(), folder.problem)
"""


@pytest.fixture
def proof(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "out")


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(BadInputError, match="is not empty: choose another OUT="):
        Folder(tmp_path)


def test_a_folder_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(BadInputError, match=r"/proc/x cannot be written: .*; choose another OUT="):
        Folder(Path("/proc/x"))


def test_the_archive_has_the_files_in_one_folder_without_an_owner(proof: Folder) -> None:
    proof.event("began")
    proof.log(b"line\n")
    assert proof.pack() == proof.path / ARCHIVE
    with tarfile.open(proof.path / ARCHIVE) as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == ["gpu-proof/log.txt", "gpu-proof/proof.jsonl"]
    assert {(member.uid, member.uname, member.mode) for member in members} == {(0, "", 0o644)}
    assert sorted(archive.read(proof.path / ARCHIVE)) == [LOG, EVENTS]


def test_all_files_that_a_proof_can_write_are_few_enough_to_be_sent() -> None:
    assert len(archive.KNOWN) + 1 <= folder.MAX_FILES


def test_a_long_output_keeps_its_beginning_and_its_end(
    proof: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "MAX_HEAD_BYTES", 30)
    monkeypatch.setattr(folder, "MAX_TAIL_BYTES", 20)
    output = Output(proof)
    for number in range(100):
        output.write(b"line %03d\n" % number)
    output.finish()
    assert (proof.path / LOG).read_text() == (
        "line 000\nline 001\nline 002\n[855 bytes are left out here]\nline 098\nline 099\n"
    )


def test_a_document_that_is_too_large_is_left_out_and_said(
    proof: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "MAX_FILE_BYTES", 10)
    source = proof.path.parent / "run.json"
    source.write_text(json.dumps("x" * 20))
    assert proof.keep(source, "run.json") == (
        "run.json was not kept: larger than the maximum of 10 bytes"
    )
    assert not (proof.path / "run.json").exists()


def test_a_log_never_grows_beyond_what_can_be_sent(
    proof: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "MAX_FILE_BYTES", 10)
    proof.log(b"123456789\n")
    proof.log(b"more\n")
    assert (proof.path / LOG).read_bytes() == b"123456789\n"


def test_names_and_secrets_are_removed_from_everything(proof: Folder) -> None:
    proof.redaction = Redaction((), {"ada": "USER"})
    source = proof.path.parent / "run.json"
    source.write_text('{"by": "ada"}')
    proof.event("began", by="ada")
    proof.log(b"ada\n")
    proof.keep(source, "run.json")
    assert [path for path in proof.path.iterdir() if "ada" in path.read_text()] == []
    assert len(list(proof.path.iterdir())) == 3


def test_a_full_disk_is_said_and_every_step_still_runs(tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = subprocess.run(
        [sys.executable, "-c", FULL, str(out)],
        env={**os.environ, "PYTHONPATH": f"{TESTS}:{TESTS.parent}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    verdict = ended.stdout.splitlines()[-1]
    assert verdict == f"{['passed'] * 6} None {out}: File too large"
    # What fits is there, and every whole line of it can be read.
    events = (out / EVENTS).read_bytes()
    assert json.loads(events.splitlines()[0])["step"] == "a"
    assert sorted(path.name for path in out.iterdir()) == [LOG, EVENTS, "run-gpu.json"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_an_event_after_a_torn_one_is_a_line_of_its_own(
    proof: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof.event("one")
    with monkeypatch.context() as full:
        full.setattr(folder, "MAX_FILE_BYTES", 0)
        proof.event("two")
    proof.event("three")
    lines = (proof.path / EVENTS).read_text().split()
    assert [line for line in lines if "event" in line] != []
    assert (proof.path / EVENTS).read_text().endswith('\n{"event": "three"}\n')
