"""Several ranks in a terminal: a row each, what they have together, the verdict."""

import pytest
from msgspec.structs import replace
from rich.console import Console
from support.doctor.machines import STRESS
from support.records import measured
from support.records.several import rank as gpu

from workload.core.errors import ExitCode
from workload.core.models.action import Action, Advice
from workload.core.models.rank import Rank
from workload.report.terminal import rank_lines, rank_table
from workload.report.terminal.tables import Grid

ADVICE = Advice(Action.NONE, "nothing is wrong")


def shown(grid: Grid, width: int = 200) -> list[str]:
    """The lines of a table at this width, without the blanks at their ends."""
    console = Console(width=width, record=True, force_terminal=False)
    with console.capture() as captured:
        console.print(grid.fitted(width)[0])
    return [line.rstrip() for line in captured.get().splitlines()]


def test_a_row_has_index_end_of_uuid_address_rates_step_and_sensors() -> None:
    header, row, *_ = shown(rank_table.measured_table([gpu(3), gpu(4)]))
    assert header.split() == (
        "GPU UUID PCI float32 tf32 bfloat16 float16 step °C W MHz warned verdict".split()
    )
    assert row.split()[:3] == ["3", "4444ab", "03:00.0"]
    assert row.endswith("PASS")


def test_minimum_median_maximum_and_spread_stand_below_the_ranks() -> None:
    table = rank_table.measured_table([gpu(0), gpu(1, 2.0), gpu(2)])
    found = {line.split()[0]: line.split() for line in shown(table) if line.strip()}
    assert float(found["min"][1]) == pytest.approx(float(found["max"][1]) / 2, abs=1)
    assert found["median"][1] == found["max"][1]
    assert found["spread"][1] == "50.0%"


def test_rates_are_of_a_matmul_that_all_complete_ranks_measured() -> None:
    big, small = measured.case(1e-3, size=256), measured.case(1e-3, size=64)
    both = gpu(0, cases=(small, big))
    dead = gpu(1, cases=(small,), ended="died", exit_code=None)
    assert rank_table.compared_matmuls([both, dead]) == {"float32": big.name}
    assert rank_table.compared_matmuls([both, gpu(1, cases=(small,))]) == {"float32": small.name}


@pytest.mark.parametrize(
    ("width", "left_out"), [(80, ["float16", "PCI", "warned"]), (100, ["float16"])]
)
def test_eight_gpus_fit_a_terminal(width: int, left_out: list[str]) -> None:
    table = rank_table.measured_table([gpu(index) for index in range(8)])
    assert table.fitted(width)[1] == left_out
    lines = shown(table, width)
    assert max(map(len, lines)) <= width
    assert len(lines) == 1 + 8 + 1 + 4


def test_cpu_ranks_have_their_cpus_and_no_sensors() -> None:
    ranks = [
        Rank(rank, "complete", ExitCode.OK, None, (2 * rank, 2 * rank + 1), device=measured.CPU,
             cases=(measured.case(),))
        for rank in range(2)
    ]  # fmt: skip
    header, row, *_ = shown(rank_table.measured_table(ranks))
    assert header.split() == "rank CPUs float32 warned verdict".split()
    assert row.split()[:2] == ["0", "0-1"]


@pytest.mark.parametrize(
    ("ended", "code", "words"),
    [
        ("complete", ExitCode.OK, "PASS"),
        ("failed", ExitCode.WRONG_NUMBERS, "WRONG"),
        ("failed", ExitCode.UNFIT, "UNFIT"),
        ("died", None, "DIED"),
        ("hung", None, "HUNG"),
        ("lost", None, "LOST"),
        ("failed", ExitCode.BUG, "exit 1"),
    ],
)
def test_each_rank_has_its_verdict(ended: str, code: ExitCode | None, words: str) -> None:
    table = rank_table.measured_table([gpu(0), gpu(1, ended=ended, exit_code=code)])
    assert shown(table)[2].endswith(words)


def test_the_verdict_names_the_ranks_that_are_not_fit() -> None:
    ranks = [gpu(0), gpu(5, ended="hung", exit_code=None, reason="made no progress for 9 s")]
    lines = rank_lines.verdict_lines(ExitCode.UNFIT, ranks, ADVICE)
    assert lines == ["UNFIT  GPU 5 of 2 synthetic GPU; action: none"]
    fine = rank_lines.verdict_lines(ExitCode.OK, ranks[:1], ADVICE)
    assert fine == ["PASS  1 GPU synthetic GPU; action: none"]


def test_what_several_ranks_say_is_one_line() -> None:
    ranks = [gpu(index, errors=("nothing fits: free some memory",)) for index in range(3)]
    assert rank_lines.error_lines(ranks) == ["GPU 0-2: nothing fits: free some memory"]


def test_the_slowest_rank_is_named() -> None:
    lines = rank_lines.notes([gpu(0), gpu(1), gpu(2, 1.25)])
    assert lines[-1].startswith("slowest    GPU 2: 1.25 times as long as the others' median for ")


def test_warned_cases_are_named_with_the_ranks_where_they_are() -> None:
    unsteady = replace(measured.timing(), steady=False)
    noisy = [measured.case(size=size, timing=unsteady) for size in (32, 64)]
    ranks = [gpu(0, cases=tuple(noisy)), gpu(1, cases=(noisy[1], measured.case(size=16)))]
    assert rank_lines.notes(ranks)[1] == (
        "warned     noisy, unsteady or contended: matmul 32 float32 (GPU 0), "
        "matmul 64 float32 (GPU 0-1)"
    )


def test_ranks_without_warnings_have_no_line_about_them() -> None:
    ranks = [gpu(index, cases=(measured.case(),)) for index in range(2)]
    assert not [line for line in rank_lines.notes(ranks) if line.startswith("warned")]


@pytest.mark.parametrize(("factor", "usual"), [(1.25, False), (1.02, True)])
def test_a_slowest_rank_whose_time_is_usual_is_shown_as_such(factor: float, usual: bool) -> None:
    lines = rank_lines.notes([gpu(0), gpu(1), gpu(2, factor)])
    assert f"GPU 2: {factor:.2f} times as long as " in lines[-1]
    assert lines[-1].endswith(", within the usual range") is usual


def test_a_stress_test_shows_its_rates_and_what_was_wrong() -> None:
    ranks = [gpu(index, cases=None, train=None, deep=STRESS) for index in range(2)]
    header, row, *_ = shown(rank_table.stressed_table(ranks))
    assert header.split() == "GPU UUID PCI float32 °C MHz GB tested wrong verdict".split()
    assert row.split()[3:] == ["47000", "61", "1755", "96.6", "0", "PASS"]
    assert rank_lines.notes(ranks)[0].endswith("at the end of the stress test")
