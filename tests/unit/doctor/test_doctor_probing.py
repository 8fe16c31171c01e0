"""PyTorch is probed in a child process; if that crashes, the doctor goes on."""

import json
import signal
import sys
from pathlib import Path

import pytest
from support.doctor.machines import machine
from support.fakes.devices import missing_driver

from workload.core.models.finding import State
from workload.core.models.model import as_json
from workload.doctor.checks.registry import run_all
from workload.doctor.probes import facts as facts_module
from workload.doctor.probes import torch_process as doctor_probing
from workload.doctor.probes.facts import gather
from workload.doctor.probes.torch_process import ask, probing


@pytest.fixture
def _not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As at the command line, where nothing has imported torch yet."""
    monkeypatch.delitem(sys.modules, "torch")


def child(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def test_the_child_finds_what_this_process_would_find(monkeypatch: pytest.MonkeyPatch) -> None:
    here = ask("cpu")
    assert here.torch is not None
    monkeypatch.delitem(sys.modules, "torch")
    with probing("cpu") as found:
        assert found == here


@pytest.mark.usefixtures("_not_loaded")
@pytest.mark.parametrize("name", ["SIGSEGV", "SIGILL", "SIGKILL"])
def test_a_signal_that_ends_the_child_is_a_fact(name: str) -> None:
    code = f"import os, signal; os.kill(os.getpid(), signal.{name})"
    with probing("cpu", command=child(code)) as found:
        assert (found.torch, found.signal) == (None, name)


@pytest.mark.usefixtures("_not_loaded")
def test_a_child_that_ends_without_an_answer_is_a_fact() -> None:
    with probing("cpu", command=child("print('hello'); raise SystemExit(7)")) as found:
        assert found.error == "its process exited with code 7"


@pytest.mark.usefixtures("_not_loaded")
def test_a_child_that_hangs_is_ended_and_a_fact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_probing, "IMPORT_SEC", 0.5)
    with probing("cpu", command=child("import time; time.sleep(60)")) as found:
        assert found.error == "its process did not answer within 0.5 s"


AFTER_THE_IMPORT = "import sys; d = sys.argv[1]; print('torch phase: cuda', flush=True); "
FACTS = as_json(ask("cpu"))


@pytest.mark.usefixtures("_not_loaded")
@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ("import os; os.abort()", "the process that loaded it ended by SIGABRT"),
        ("import time; time.sleep(60)", "the NVIDIA driver did not answer within 0.5 s"),
    ],
)
def test_a_driver_that_ends_or_blocks_the_child_is_no_broken_torch(
    ends: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_probing.driver_deadline, "limit_sec", 0.5)
    answer = f"torch probed: {json.dumps(FACTS)}"
    code = f"import sys\nif sys.argv[1] == 'cpu': print({answer!r}, flush=True); input()\n"
    with probing("cuda", command=child(f"{code}{AFTER_THE_IMPORT}{ends}")) as found:
        assert (found.error, found.signal) == (None, None)
        assert found.torch
        assert found.torch.cuda_error == text


@pytest.mark.usefixtures("_not_loaded")
def test_lines_that_libraries_print_are_no_answer() -> None:
    answer = '{"torch": null, "error": "no", "signal": null, "mapped_libraries": ["a", "b"]}'
    noise = "import sys; sys.stdout.buffer.write(b'\\xff\\n'); print('{a warning}')"
    code = f"{noise}; print({'torch probed: ' + answer!r}, flush=True); input()"
    with probing("cpu", command=child(code)) as found:
        assert (found.error, found.mapped_libraries) == ("no", ("a", "b"))


@pytest.mark.usefixtures("_not_loaded")
def test_a_torch_that_exits_at_its_import_is_a_fact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch.py").write_text("raise SystemExit(0)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with probing("cpu") as found:
        assert found.error == "SystemExit: 0"


@pytest.mark.usefixtures("_not_loaded")
def test_half_a_line_of_a_library_does_not_spoil_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch.py").write_text("import os; os.write(1, b'half'); raise ImportError('no')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path.cwd()}")
    with probing("cpu") as found:
        assert found.error == "no"


@pytest.mark.usefixtures("_not_loaded")
def test_a_child_that_cannot_start_is_a_fact() -> None:
    with probing("cpu", command=["/nowhere/python"]) as found:
        assert "No such file" in (found.error or "")


def test_torch_that_is_loaded_already_is_probed_in_this_process() -> None:
    with probing("cpu", command=["/nowhere/python"]) as found:
        assert found.torch is not None


def test_a_library_that_ends_its_process_is_the_first_failure() -> None:
    facts = machine(torch=None, torch_signal=signal.SIGSEGV.name)
    failed = [finding.id for finding in run_all(facts) if finding.state is State.FAIL]
    assert failed == ["torch-import"]


READERS = {
    "system": "read_system",
    "cpu": "read_cpu",
    "limits": "read_limits",
    "import_limits": "read_import_limits",
    "user": "read_user",
    "torch": "probing",
    "torch_files": "read_torch_files",
    "kernel_driver": "read_kernel_driver",
    "cuda_library_error": "read_cuda_library",
    "device_nodes": "read_device_nodes",
    "link_widths": "read_link_widths",
    "path_libraries": "read_path_libraries",
    "compilers": "find_compilers",
    "folders": "read_folders",
    "clock": "read_clock",
    "unlocked": "read_unlocked",
    "versions": "read_versions",
    "environment": "read_environment",
}


def crash(*_: object, **__: object) -> None:
    raise IndexError("first line\nsecond line")


@pytest.mark.parametrize("fact", READERS)
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_reader_that_crashes_fails_alone(
    fact: str, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts_module, READERS[fact], crash)
    findings = run_all(gather(device))
    (found,) = [finding for finding in findings if finding.id == "facts"]
    assert found.found == f"could not read {fact} (IndexError: first line)"
    assert not [finding for finding in findings if finding.id.endswith("-crashed")]


def test_every_reader_may_crash_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in READERS.values():
        monkeypatch.setattr(facts_module, name, crash)
    facts = gather("cuda", missing_driver, tmp_path)
    assert facts.unread.keys() == READERS.keys()
    findings = run_all(facts)
    assert findings[0].id == "facts"
    assert {found.case for found in findings if found.state is State.PASS} == set()
    assert {found.case for found in findings if found.state is State.UNKNOWN} == {"unread"}
