"""Operations between real ranks: right ones are measured, and each planted fault is found."""

import json
import re
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.ranks import processes
from support.ranks.ended import Ended
from support.ranks.planted import links as program

BRIEF = "collectives --device cpu --sizes 1K,64K --budget 1".split()
LIMIT_SEC = 200  # on a busy machine
Planted = Callable[..., Ended]


def started(plant: str, *words: str, **variables: str) -> subprocess.Popen[str]:
    planted = {"PLANT": plant, "OMP_NUM_THREADS": "1", **variables}
    return processes.start(program.__file__, *words, **planted)


def ended(launchers: Sequence[subprocess.Popen[str]], folder: Path) -> Ended:
    """Wait for the launchers; their output together, and the one record."""
    outcomes = [processes.outcome(one, LIMIT_SEC) for one in launchers]
    codes, texts, all_errors = zip(*outcomes, strict=True)
    text, errors = "".join(texts), "".join(all_errors)
    assert "Traceback" not in errors, errors
    (path,) = folder.iterdir()
    return Ended(max(codes), text, errors, json.loads(path.read_text()))


@pytest.fixture
def collectives(tmp_path: Path) -> Planted:
    """Run the command on ranks of this machine: `collectives("swapped 1", 2)`."""

    def call(plant: str, ranks: int, *words: str) -> Ended:
        command = (*BRIEF, "--ranks", str(ranks), "--output", str(tmp_path), *words)
        return ended([started(plant, *command)], tmp_path)

    return call


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


@pytest.fixture
def nodes(tmp_path: Path) -> Planted:
    """Run --pairs on this many nodes of one rank, all on this machine."""

    def call(plant: str, count: int) -> Ended:
        where = ("--nodes", str(count), "--rendezvous", f"127.0.0.1:{free_port()}")
        command = (*BRIEF, "--pairs", "--ranks", "1", *where, "--output", str(tmp_path))
        return ended([started(plant, *command) for _ in range(count)], tmp_path)

    return call


@pytest.fixture
def pods(tmp_path: Path) -> Planted:
    """Run --pairs on this many pods of an Indexed Job, by the environment that it sets."""

    def call(plant: str, count: int) -> Ended:
        job = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
        command = (*BRIEF, "--pairs", "--output", str(tmp_path))
        pods = [
            started(plant, *command, JOB_COMPLETION_INDEX=str(index), **job)
            for index in range(count)
        ]
        return ended(pods, tmp_path)

    return call


def statuses(found: Ended, kind: str) -> set[str]:
    return {case["status"] for case in found.record["cases"] if case["kind"] == kind}


def reasons(found: Ended, kind: str) -> list[str]:
    cases: list[dict[str, Any]] = found.record["cases"]
    return [case["reason"] for case in cases if case["kind"] == kind and case["reason"]]


@pytest.mark.parametrize("ranks", [2, 3])
def test_every_operation_is_checked_and_measured(ranks: int, collectives: Planted) -> None:
    found = collectives("none 0", ranks)
    assert (found.code, found.errors) == (0, "")
    pairs_named = "1 pair" if ranks == 2 else "3 pairs"
    assert f"measure    14 operations and {pairs_named} within 1 s\n" in found.text
    assert "checked    every element on every rank: " in found.text
    measured = {case["kind"] for case in found.record["cases"]}
    assert measured == {
        *("all-reduce", "reduce-scatter", "all-gather", "broadcast", "all-to-all", "send-receive")
    }
    assert all(case["status"] == "ok" and case["bus_gbs"] for case in found.record["cases"])
    pairs = found.record["collectives"]["pairs"]
    assert len(pairs) == ranks * (ranks - 1) / 2
    assert all(len(pair["cases"]) == 2 for pair in pairs)


@pytest.fixture(scope="module", params=[2, 3])
def faulty(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """A run in which rank 1 has a fault of each kind, each in an operation of its own."""
    folder = tmp_path_factory.mktemp("faulty")
    command = (*BRIEF, "--ranks", str(request.param), "--output", str(folder))
    return ended([started("faults 1", *command)], folder)


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        ("reduce-scatter", r"rank 1: 1 of \d+ elements wrong, element 7 is "),
        ("all-reduce", r"all ranks: (\d+) of \1 elements wrong, element 0 is "),
        ("all-to-all", r"rank 1: \d+ of \d+ elements wrong, element 0 is "),
        ("broadcast", r"rank 1: (\d+) of \1 elements wrong, element 0 is "),
    ],
)
def test_a_planted_fault_is_found_and_its_rank_named(
    kind: str, pattern: str, faulty: Ended
) -> None:
    assert statuses(faulty, kind) == {"wrong"}
    found = reasons(faulty, kind)
    assert found
    assert all(re.match(pattern, reason) for reason in found)


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        ("all-reduce", "the contribution of rank 1 is missing"),
        ("all-to-all", "chunks 0 and 1 are swapped"),
        ("broadcast", "the result of the previous call: a stale buffer"),
    ],
)
def test_what_explains_all_elements_is_named(kind: str, cause: str, faulty: Ended) -> None:
    found = reasons(faulty, kind)
    assert found
    assert all(reason.endswith(f" ({cause})") for reason in found)


def test_wrong_numbers_end_with_3_and_one_line(faulty: Ended) -> None:
    assert (faulty.code, faulty.record["exit_code"], faulty.record["action"]) == (3, 3, "drain")
    first = r"workload collectives: all ranks: wrong numbers in all-reduce 1.02 kB on [23] ranks "
    assert re.match(first, faulty.errors)
    assert faulty.errors.count("\n") == 1


def test_an_operation_without_a_fault_is_measured_beside_them(faulty: Ended) -> None:
    assert statuses(faulty, "send-receive") == {"ok"}


def test_what_the_backend_does_not_support_is_named(faulty: Ended) -> None:
    assert statuses(faulty, "all-gather") == {"not_applicable"}
    assert set(reasons(faulty, "all-gather")) == {
        "not supported by gloo: Backend gloo does not support _allgather_base"
    }


def test_a_slow_node_is_named(nodes: Planted) -> None:
    found = nodes("slow 1", 3)
    assert (found.code, found.errors) == (0, "")
    section = found.record["collectives"]
    assert [1] in [slow["parties"] for slow in section["slow"]]
    assert "slow: node 1 " in found.text


def test_a_slow_link_between_two_nodes_is_named(pods: Planted) -> None:
    found = pods("slow-with-0 1", 3)
    assert (found.code, found.errors) == (0, "")
    section = found.record["collectives"]
    pairs = [(pair["first"], pair["second"], pair["link"]["kind"]) for pair in section["pairs"]]
    assert pairs == [(0, 1, "network"), (0, 2, "network"), (1, 2, "network")]
    assert [0, 1] in [slow["parties"] for slow in section["slow"]]  # noise may slow others too
    assert {case["kind"] for case in found.record["cases"]} == {"send-receive"}
    assert "slow: nodes 0 " in found.text
