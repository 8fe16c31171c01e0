"""Which records of a proof get a place, and which cuts stop waiting."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.gpu_proofs import CUT, LOCKED, Event, reading, step
from tools.gpu_proof import places, read

from workload.core.errors import BadInputError


@pytest.mark.parametrize(
    ("state", "files", "verdict"),
    [
        ("works", LOCKED, "remove its `wait_for_gpu` and `locked` for x86_64"),
        (
            "works",
            dict.fromkeys(LOCKED, "sha256=x"),
            "waits: it works, but these are not the locked files",
        ),
        ("works", {}, "waits: it works, but these are not the locked files"),
        ("fails", LOCKED, "waits: fails"),
    ],
)
def test_a_cut_stops_waiting_only_for_the_locked_files(
    state: str, files: Event, verdict: str
) -> None:
    cut = {"entry": CUT, "state": state, "files": files}
    found = reading(*step("cuts", result={"cuts": [cut]}))
    assert [told for _, told in places.cuts(found)] == [verdict]


def test_records_have_places_by_their_devices() -> None:
    device = {"machine_info": {"workload": {"device": {"name": "NVIDIA H200/../x"}}}}
    names = ("run-gpu", "benchmarks-gpu", "sweep")
    passed = [event for name in names for event in step(name)]
    found = reading(
        *passed,
        run_gpu={},
        benchmarks_gpu=device,
        sweep={"gflops": [[1.0]]},
        run_cpu={},
        benchmarks_cpu={},
    )
    assert {
        record.name: str(record.path or record.problem) for record in places.records(found)
    } == {
        "run-gpu.json": "results/run-gpu-nvidia-h200.json",
        "run-cpu.json": "results/run-cpu-nvidia-h200.json",
        "benchmarks-cpu.json": "benchmarks-cpu did not pass",
        "benchmarks-gpu.json": "tests/benchmarks/records/gpu-nvidia-h200-x.json",
        "sweep.json": "tests/sweeps/cuda-bfloat16.json",
    }


@pytest.mark.parametrize("rates", [[], [[1.0], []], None])
def test_a_sweep_with_gaps_has_no_place(rates: Any) -> None:
    (record,) = places.records(reading(*step("sweep"), sweep={"gflops": rates}))
    assert record.path is None


@pytest.mark.parametrize(
    "document",
    [
        {"device": {"name": "STAND-IN H200"}},
        {"device": "STAND-IN H200"},
        {"machine_info": {"workload": {"device": {"name": "Stand-in H200"}}}},
    ],
)
def test_a_record_of_a_simulated_gpu_has_no_place_even_in_the_proof_of_a_real_one(
    document: Event,
) -> None:
    (record,) = places.records(reading(*step("benchmarks-gpu"), benchmarks_gpu=document))
    assert (record.path, record.problem) == (
        None,
        f"of a simulated GPU, {'Stand-in' if 'machine_info' in document else 'STAND-IN'} H200",
    )


def test_a_record_that_is_none_is_not_placed(tmp_path: Path) -> None:
    found = reading(*step("run-gpu"), run_gpu={"schema_version": 1})
    with pytest.raises(BadInputError, match=r"run-gpu\.json is not a valid record"):
        read.place(found, {"run-gpu.json": b'{"schema_version": 1}'}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_valid_record_is_placed_as_it_is(tmp_path: Path) -> None:
    recorded = Path(__file__).parents[2] / "benchmarks/records/cpu-amd-epyc.json"
    data = recorded.read_bytes()
    found = reading(*step("benchmarks-cpu"), benchmarks_cpu=json.loads(data))
    read.place(found, {"benchmarks-cpu.json": data}, tmp_path)
    placed = tmp_path / "tests/benchmarks/records/cpu-amd-epyc.json"
    assert placed.read_bytes() == data
