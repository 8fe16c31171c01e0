"""The action after a run on several devices: of the GPU or rank whose fault is the worst."""

from typing import Any

import pytest
from msgspec.structs import replace
from support.doctor.machines import machine
from support.fakes.devices import H200, HEALTHY
from support.records import measured

from workload.core.errors import ExitCode
from workload.core.models.action import Action, Advice
from workload.core.models.case import CaseStatus
from workload.core.models.finding import Finding, State
from workload.core.models.gpu import Driver, Gpu
from workload.core.models.rank import Rank
from workload.core.records import RecordBuilder
from workload.doctor.actions.decide import advise

GPUS = tuple(
    replace(
        H200,
        index=index,
        uuid=f"GPU-{index}",
        state=replace(HEALTHY, pcie=replace(HEALTHY.pcie, address=f"0000:{index:02x}:00.0")),
    )
    for index in range(4)
)
WRONG_CASE = measured.case(status=CaseStatus.WRONG, timing=None, reason="off by 9")
FULL = Finding("memory", State.FAIL, "10 MB are free", case="short")


def gpu_rank(index: int, **changes: Any) -> Rank:
    """A rank on a GPU, with the same time as the others."""
    rank = Rank(
        index, "complete", ExitCode.OK, None, (), gpu_index=index, device=measured.GPU,
        cases=(measured.case(),), findings=(),
    )  # fmt: skip
    return replace(rank, **changes)


def cpu_rank(number: int, **changes: Any) -> Rank:
    return replace(gpu_rank(number, gpu_index=None, device=measured.CPU), **changes)


def advice(*ranks: Rank, gpus: tuple[Gpu, ...] = GPUS) -> Advice:
    """The advice for a machine of four GPUs whose ranks ended so."""
    builder = RecordBuilder("run", ())
    builder.set("environment", machine(driver=Driver("580.65.06", "13.0", gpus)))
    builder.set("ranks", ranks)
    return advise(builder.as_ended(ExitCode.OK, None))


def all_but(index: int, **changes: Any) -> list[Rank]:
    """Four ranks of which one is different."""
    return [gpu_rank(one, **(changes if one == index else {})) for one in range(4)]


def test_healthy_ranks_need_no_action() -> None:
    assert advice(*all_but(0)).action is Action.NONE
    assert advice(cpu_rank(0), cpu_rank(1), gpus=()).action is Action.NONE


@pytest.mark.parametrize(
    ("changes", "action", "fault", "reason"),
    [
        ({"cases": (WRONG_CASE,)}, Action.DRAIN, "wrong-numbers", "wrong numbers"),
        (
            {"ended": "hung", "exit_code": None, "reason": "made no progress for 9 s",
             "doing": "matmul 64 float32"},
            Action.DRAIN,
            "rank-hung",
            "its process in matmul 64 float32 made no progress for 9 s",
        ),
        (
            {"ended": "died", "exit_code": None, "reason": "ended by SIGSEGV"},
            Action.RETRY,
            "rank-died",
            "its process ended by SIGSEGV",
        ),
        (
            {"lost_device": "cuda:0 was lost (unknown error)"},
            Action.REBOOT,
            "lost-device",
            "cuda:0 was lost (unknown error)",
        ),
        (
            {"cases": (measured.case(2e-3),)},
            Action.FIX_HOST,
            "rank-slow",
            "takes 2.00 times as long as the others for matmul",
        ),
    ],
)  # fmt: skip
def test_the_fault_of_a_rank_is_that_of_its_gpu(
    changes: dict[str, Any], action: Action, fault: str, reason: str
) -> None:
    found = advice(*all_but(2, **changes))
    assert found.action is action
    assert [gpu.action for gpu in found.gpus] == [Action.NONE, Action.NONE, action, Action.NONE]
    assert found.gpus[2].fault == fault
    assert found.gpus[2].reason.startswith(reason)
    assert found.reason.startswith(f"GPU 2 NVIDIA H200: {reason}")


def test_the_worst_of_several_faults_is_the_machines() -> None:
    ranks = all_but(1, cases=(measured.case(2e-3),))
    found = advice(*ranks[:3], gpu_rank(3, lost_device="cuda:0 was lost"))
    assert found.action is Action.REBOOT
    assert [gpu.action.value for gpu in found.gpus] == ["none", "fix-host", "none", "reboot"]


def test_a_gpu_that_the_driver_does_not_reach_asks_for_a_reboot() -> None:
    lost = Gpu(3, None, None, None, None, None, None, "GPU is lost", 15)
    gone = gpu_rank(3, ended="lost", exit_code=None, reason="the driver does not reach it",
                    device=None, cases=None)  # fmt: skip
    found = advice(*all_but(0)[:3], gone, gpus=(*GPUS[:3], lost))
    assert found.action is Action.REBOOT
    assert [gpu.action.value for gpu in found.gpus] == ["none", "none", "none", "reboot"]


def test_a_check_that_fails_in_all_ranks_alike_is_the_machines() -> None:
    found = advice(*(gpu_rank(index, findings=(FULL,)) for index in range(4)))
    assert (found.action, found.reason) == (Action.FIX_HOST, "memory: 10 MB are free")
    assert {gpu.action for gpu in found.gpus} == {Action.NONE}


def test_a_check_that_fails_in_one_rank_is_its_gpus() -> None:
    found = advice(*all_but(1, findings=(FULL,)))
    assert found.reason == "GPU 1 NVIDIA H200: memory: 10 MB are free"


@pytest.mark.parametrize(
    ("changes", "action", "reason"),
    [
        ({"cases": (WRONG_CASE,)}, Action.DRAIN, "rank 1: wrong numbers"),
        (
            {"ended": "hung", "exit_code": None, "reason": "made no progress for 9 s"},
            Action.RETRY,
            "rank 1: its process made no progress for 9 s",
        ),
        ({"cases": (measured.case(2e-3),)}, Action.RETRY, "rank 1: takes 2.00 times"),
        ({"cases": (measured.case(1.2e-3),)}, Action.NONE, "nothing is wrong"),
    ],
)
def test_the_fault_of_a_rank_on_cpus_is_the_machines(
    changes: dict[str, Any], action: Action, reason: str
) -> None:
    found = advice(cpu_rank(0), cpu_rank(1, **changes), cpu_rank(2), gpus=())
    assert found.action is action
    assert found.reason.startswith(reason)
