"""What `collectives` measures by default and when it refuses."""

from collections.abc import Callable
from itertools import chain

import pytest
from support.outcome import Outcome

from workload.cli.arguments import parse
from workload.cli.commands.collectives import failure_of, operations_of, plan_of, worse
from workload.cli.options import CollectivesOptions
from workload.collectives.measure import unmeasured
from workload.collectives.operations import AllReduce
from workload.collectives.places import Topology, node_key, numbered
from workload.core.errors import BadInputError, ExitCode
from workload.core.models.case import CaseStatus, Kind
from workload.core.models.collectives import RankPlace


def options(*words: str) -> CollectivesOptions:
    parsed = parse(["collectives", *words])
    assert isinstance(parsed, CollectivesOptions)
    return parsed


def on_nodes(*nodes: int) -> Topology:
    places = tuple(
        RankPlace(rank, node, f"host{node}", "a CPU", "cpu") for rank, node in enumerate(nodes)
    )
    return Topology(places, (None,) * len(places))


def test_sums_are_checked_in_bfloat16_too() -> None:
    found = {(one.kind, one.dtype) for one in operations_of(options(), 3, "cpu")}
    assert found == {
        *((Kind.ALL_REDUCE, dtype) for dtype in ("float32", "bfloat16")),
        *((Kind.REDUCE_SCATTER, dtype) for dtype in ("float32", "bfloat16")),
        *((kind, "float32") for kind in (Kind.ALL_GATHER, Kind.BROADCAST, Kind.ALL_TO_ALL)),
    }


def test_requested_dtypes_and_sizes_are_those_of_every_operation() -> None:
    found = operations_of(options("--dtypes", "float64", "--sizes", "4K,1M"), 2, "cpu")
    assert {one.dtype for one in found} == {"float64"}
    assert {one.bytes for one in found} == {4096, 1 << 20}


def test_an_array_that_three_ranks_cannot_share_evenly_is_a_little_smaller() -> None:
    found = operations_of(options("--sizes", "1M,1"), 3, "cpu")
    assert {one.elements for one in found if one.dtype == "float32"} == {262143, 3}


def test_sizes_that_round_to_the_same_one_are_measured_once() -> None:
    names = [
        unmeasured(one, CaseStatus.SKIPPED, "").name
        for one in operations_of(options("--sizes", "8,9,7"), 2, "cpu")
    ]
    assert len(names) == len(set(names))


def test_a_wrong_result_is_kept_when_its_size_is_right_later() -> None:
    wrong, right = (
        unmeasured(AllReduce("float32", 2, 256), status, "a reason")
        for status in (CaseStatus.WRONG, CaseStatus.OK)
    )
    assert worse(wrong, right) is wrong
    assert worse(right, wrong) is wrong
    assert worse(None, right) is right


def test_a_pair_of_few_ranks_has_the_links_for_itself() -> None:
    plan = plan_of(options(), on_nodes(*[0] * 8), "cpu")
    assert [len(pairs) for pairs in plan.rounds] == [1] * 28
    assert plan.sizes == [1 << 10, 16 << 20]


def test_pairs_of_many_ranks_talk_at_the_same_time() -> None:
    plan = plan_of(options(), on_nodes(*[0] * 9), "cpu")
    assert [len(pairs) for pairs in plan.rounds] == [4] * 9


def test_nodes_meet_with_all_their_ranks() -> None:
    plan = plan_of(options("--pairs"), on_nodes(0, 0, 1, 1, 2, 2), "cpu")
    assert plan.parties == [(0, 1), (2, 3), (4, 5)]
    assert sorted(chain.from_iterable(plan.rounds)) == [(0, 1), (0, 2), (1, 2)]
    assert plan.exchange([(0, 2)], 1024, 6).peers == (4, 5, None, None, 0, 1)


def test_a_node_with_fewer_ranks_leaves_some_of_the_other_without_a_peer() -> None:
    plan = plan_of(options("--pairs"), on_nodes(0, 0, 1), "cpu")
    assert plan.exchange([(0, 1)], 1024, 3).peers == (2, None, 0)


def test_nodes_cannot_be_compared_where_all_ranks_are_on_one() -> None:
    with pytest.raises(BadInputError, match="but all 2 ranks are on one node: leave --pairs out"):
        plan_of(options("--pairs"), on_nodes(0, 0), "cpu")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("", "operations between ranks need at least two ranks: add --ranks N, or use torchrun"),
        ("--nodes 2", "--nodes needs --ranks N, the number of ranks on this node"),
        ("--join-timeout 9", "--join-timeout needs --ranks N, the number of ranks on this node"),
        ("--ranks 2 --nodes 2", "--nodes 2 needs --rendezvous HOST:PORT, where the nodes meet"),
        ("--pairs --dtypes float32", "--pairs sends only float32: leave --dtypes out"),
        ("--dtypes tf32", "argument --dtypes: tf32 is sent as float32: use float32"),
        ("--sizes 0", "argument --sizes: '0' is not a size: use bytes, or 64K, 16M, 1G"),
        ("--sizes 99G", "argument --sizes: 99G is more than ranks send: use at most 16G"),
        ("--sizes 1k", "argument --sizes: '1k' is not a size: use bytes, or 64K, 16M, 1G"),
    ],
)
def test_bad_input_is_refused_in_one_line(
    words: str, problem: str, workload: Callable[..., Outcome]
) -> None:
    outcome = workload("collectives", *words.split())
    assert outcome.code == ExitCode.BAD_INPUT
    assert outcome.stderr.startswith(f"workload collectives: {problem}")
    assert outcome.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (CaseStatus.WRONG, ExitCode.WRONG_NUMBERS, "rank 1: wrong numbers in all-reduce 1.02 kB on "
         "2 ranks float32: a reason (and in 1 other case): do not trust the results of these"),
        (CaseStatus.DOES_NOT_FIT, ExitCode.UNFIT, "choose smaller --sizes"),
        (CaseStatus.INVALID, ExitCode.UNFIT, "repeat on idle, cool GPUs"),
        (CaseStatus.NOT_APPLICABLE, ExitCode.UNFIT, "no operation could run"),
    ],
)  # fmt: skip
def test_the_worst_case_decides_how_it_ends(status: CaseStatus, code: ExitCode, words: str) -> None:
    case = unmeasured(AllReduce("float32", 2, 256), status, "rank 1: a reason")
    failure = failure_of([case, case])
    assert failure
    assert failure.exit_code is code
    assert words in str(failure)


def test_what_a_backend_does_not_support_is_no_failure_beside_what_it_does() -> None:
    operation = AllReduce("float32", 2, 256)
    statuses = (CaseStatus.OK, CaseStatus.NOT_APPLICABLE)
    assert failure_of([unmeasured(operation, status) for status in statuses]) is None


def test_two_nodes_of_a_job_may_be_on_one_host() -> None:
    keys = [node_key("host", {"GROUP_RANK": str(node), "SLURM_NODEID": "0"}) for node in (0, 0, 1)]
    assert numbered(keys) == [0, 0, 1]


def test_pods_of_a_job_are_nodes() -> None:
    keys = [node_key(f"job-{index}", {"JOB_COMPLETION_INDEX": str(index)}) for index in (0, 1)]
    assert numbered(keys) == [0, 1]
