"""How long the report of a hundred records takes; no device is asked."""

import time
from pathlib import Path

from msgspec.structs import replace
from pytest_benchmark.fixture import BenchmarkFixture
from support.records.synthetic import CPU, GPU, made

from workload.core.records import dump
from workload.report.page import build_page, load_results

RECORDS = 100
AT_MOST_SEC = 5.0


def test_report_of_a_hundred_records(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    for number in range(RECORDS):
        device = replace((CPU, GPU)[number % 2], name=f"synthetic {number % 6}")
        (tmp_path / f"{number}.json").write_bytes(dump(made(device)))
    spent_sec = []

    def report() -> None:
        started = time.perf_counter()
        build_page(*load_results(tmp_path))
        spent_sec.append(time.perf_counter() - started)

    benchmark.pedantic(report, rounds=3, warmup_rounds=1)
    assert min(spent_sec) <= AT_MOST_SEC
