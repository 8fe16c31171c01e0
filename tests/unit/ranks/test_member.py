"""A rank knows which one it is from one environment variable."""

from dataclasses import replace as replaced
from pathlib import Path

import pytest
from msgspec.structs import replace

from workload.cli.main import main
from workload.core.errors import ExitCode
from workload.core.models.device import DeviceInfo
from workload.hardware import devices
from workload.ranks.member import VARIABLE, Member, this_member

MEMBER = Member(3, 8, "cuda:0", 40123, Path("/a folder/.ranks-x/rank-3.jsonl"))


def test_what_the_supervisor_tells_is_what_the_rank_reads() -> None:
    assert this_member(MEMBER.variable) == MEMBER


@pytest.mark.parametrize("text", ["", "3", "of a scheduler", "1 2 cpu x /journal"])
def test_a_process_alone_is_no_rank(text: str) -> None:
    assert this_member({}) is None
    assert this_member({VARIABLE: text}) is None


def test_a_rank_whose_results_cannot_be_written_ends_with_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (variable,) = replaced(MEMBER, journal=tmp_path / "gone/a").variable.items()
    monkeypatch.setenv(*variable)
    monkeypatch.setattr("workload.cli.main.end_with_parent", lambda: None)
    assert main(["run", "--device", "cpu"]) == ExitCode.NOT_SAVED
    assert capsys.readouterr().err == (
        f"workload run: results could not be written to {tmp_path}/gone: No such file or "
        "directory; choose a writable directory with --output\n"
    )


def test_ranks_on_cpus_divide_the_memory(cpu: DeviceInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = devices.available_bytes(cpu)
    monkeypatch.setattr(devices.sharing, "processes", 4)
    shared = devices.available_bytes(cpu)
    assert alone
    assert shared
    assert shared < alone / 3


def test_a_gpu_is_not_divided(cpu: DeviceInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices.sharing, "processes", 4)
    monkeypatch.setattr(devices.torch.cuda, "mem_get_info", lambda _device: (1000, 2000))
    monkeypatch.setattr(devices.torch.cuda, "memory_reserved", lambda _device: 0)
    monkeypatch.setattr(devices.torch.cuda, "memory_allocated", lambda _device: 0)
    gpu = replace(cpu, kind="cuda", torch_name="cuda:0")
    assert devices.available_bytes(gpu) == 1000
