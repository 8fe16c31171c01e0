"""The facts of the doctor: groups in words, with units."""

from typing import Any

import pytest
from rich.console import Console

from workload.report.terminal.facts_table import facts_table, place_label


def shown(facts: dict[str, Any]) -> list[str]:
    """The lines below the head, without the blanks between label and value."""
    console = Console(width=160)
    with console.capture() as capture:
        console.print(facts_table(facts))
    _, *lines = capture.get().splitlines()
    return [f"{line[: len(line) - len(line.lstrip())]}{' '.join(line.split())}" for line in lines]


def test_groups_are_indented_below_their_name_after_single_facts() -> None:
    facts = {
        "limits": {"memory_available_bytes": 22_971_392_000, "shm_bytes": None},
        "requested_device": "auto",
        "user": {"uid": None},
    }
    assert shown(facts) == [
        "requested device auto",
        "limits",
        "  memory available 23 GB",
        "user",
    ]


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("memory_available_bytes", 22_971_392_000, "memory available 23 GB"),
        ("elapsed_sec", 0.25, "elapsed 250 ms"),
        ("booted_sec", 1_795_970_272.8, "booted 2026-11-29 16:37:52 UTC"),
        ("power_limit_watt", 700.0, "power limit 700 W"),
        ("highest_celsius", 61, "highest 61 °C"),
        ("sve_bits", 256, "SVE 256 bits"),
        ("home_writable", True, "home writable yes"),
        ("driver_hung", False, "driver hung no"),
        ("xids", [], "Xids none"),
        ("isa", ["avx", "avx2"], "instruction sets avx, avx2"),
        ("cpu_quota", 1.5, "CPU quota 1.5"),
        ("OMP_NUM_THREADS", "2", "OMP_NUM_THREADS 2"),
        ("nvidia-ml-py", "13.615.71", "nvidia-ml-py 13.615.71"),
        ("name", "a\x1b[31mb", "name a?[31mb"),
    ],
)
def test_a_fact_is_shown_in_words_with_its_unit(name: str, value: Any, line: str) -> None:
    assert shown({name: value}) == [line]


def test_several_of_a_kind_are_numbered_those_without_groups_in_a_row_each() -> None:
    facts = {
        "torch": {
            "kernels": [{"operation": "copy", "wrong": 0, "error": None}],
            "gpus": [{"name": "H200", "state": {"ecc": True}}, {"name": "H100", "state": None}],
        }
    }
    assert shown(facts) == [
        "PyTorch",
        "  kernel 1 operation copy, wrong 0",
        "  GPU 1",
        "    name H200",
        "    state",
        "      ECC yes",
        "  GPU 2 name H100",
    ]


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (("torch", "gpus", 0, "name"), "PyTorch: GPU 1: name"),
        (("kernel_log", "xids", 1, "number"), "kernel log: Xid 2: number"),
    ],
)
def test_a_place_is_named_as_the_table_names_it(place: tuple[str | int, ...], words: str) -> None:
    assert place_label(place) == words
