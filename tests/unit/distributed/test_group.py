"""Each rank has a GPU of its own, and a group of one rank works like any."""

import socket
from dataclasses import replace

import pytest
import torch
import torch.distributed as dist

from workload.core.errors import BadInputError, UnfitError
from workload.core.models.device import DeviceInfo
from workload.distributed import group
from workload.distributed.environment import Place
from workload.distributed.failures import LostRankError


def place(rank: int = 0, ranks: int = 1, port: int = 0) -> Place:
    return Place(rank, ranks, rank, ranks, "127.0.0.1", port, "a test")


@pytest.fixture
def port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.mark.parametrize(
    ("requested", "gpus", "ranks", "device"),
    [
        ("cpu", 8, 2, "cpu"),
        ("auto", 0, 2, "auto"),
        ("auto", 8, 2, "cuda:1"),
        ("cuda", 2, 2, "cuda:1"),
    ],
)
def test_a_rank_takes_the_gpu_of_its_local_rank(
    requested: str, gpus: int, ranks: int, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert group.own_device(requested, place(1, ranks)) == device


def test_a_rank_that_is_shown_one_gpu_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert group.own_device("cuda", place()) == "cuda"


@pytest.mark.parametrize(
    ("gpus", "ranks", "device"), [(1, 2, "cuda:0"), (2, 4, "cuda:0"), (2, 2, "cuda:1")]
)
def test_a_rank_that_sees_only_its_own_gpus_takes_one_of_them(
    gpus: int, ranks: int, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert group.own_device("cuda", replace(place(1, ranks), sees_only_own_gpus=True)) == device


def test_a_rank_that_should_see_its_own_gpus_but_sees_none_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(UnfitError, match=r"needs its own GPU \(ranks: 2, GPUs: 0\): "):
        group.own_device("cuda", replace(place(1, 2), sees_only_own_gpus=True))


def test_ranks_do_not_share_a_gpu() -> None:
    with pytest.raises(BadInputError) as caught:
        group.own_device("cuda:0", place(1, 2))
    assert str(caught.value) == (
        "--device cuda:0 is one GPU, but 2 ranks run on this node: "
        "choose --device cuda, which gives each rank its own GPU"
    )


def test_fewer_gpus_than_ranks_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UnfitError) as caught:
        group.own_device("auto", place(1, 2))
    assert str(caught.value) == (
        "each rank on this node needs its own GPU (ranks: 2, GPUs: 1): "
        "start fewer ranks, or choose --device cpu"
    )


def test_one_rank_is_a_group(port: int, cpu: DeviceInfo) -> None:
    with group.joined(place(port=port), cpu):
        total = torch.ones(1)
        dist.all_reduce(total)
        assert total.item() == 1
    assert not dist.is_initialized()


def test_ranks_that_do_not_come_are_reported_in_one_line(port: int, cpu: DeviceInfo) -> None:
    with pytest.raises(UnfitError) as caught, group.joined(place(0, 2, port), cpu, 1):
        pass
    line = str(caught.value)
    assert line.startswith(
        f"rank 0 of 2 did not reach the others at 127.0.0.1:{port} within 1 s (Timed out"
    )
    assert line.endswith("): start all ranks together, with the address of rank 0")
    assert "\n" not in line


def test_a_rank_that_rank_0_does_not_answer_is_reported_in_one_line(
    port: int, cpu: DeviceInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group, "ATTEMPT_SEC", 0.1)
    with pytest.raises(UnfitError) as caught, group.joined(place(1, 2, port), cpu, 1):
        pass
    assert str(caught.value) == (
        f"rank 1 of 2 did not reach the others at 127.0.0.1:{port} within 1 s (no connection): "
        "start all ranks together, with the address of rank 0"
    )


def test_what_gloo_says_about_a_lost_rank_is_one_line() -> None:
    said = (
        "[/build/gloo/transport/tcp/pair.cc:553] Connection closed by peer [10.0.0.2]:4242. "
        "This is typically caused by a remote worker crashing."
    )
    with pytest.raises(LostRankError) as caught, group.lost_ranks_named(place(0, 2)):
        raise RuntimeError(said)
    assert str(caught.value) == (
        "rank 0 of 2 lost another rank (Connection closed by peer [10.0.0.2]:4242): see the output "
        "of the others, check that their nodes respond, then restart all ranks"
    )


def test_other_errors_are_left_alone() -> None:
    with pytest.raises(RuntimeError, match=r"^shapes differ$"), group.lost_ranks_named(place(0, 2)):
        raise RuntimeError("shapes differ")
