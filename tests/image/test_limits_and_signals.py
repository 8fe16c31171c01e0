"""A container respects its limits, and ends quickly when it is stopped."""

import json
import re
import time
from datetime import datetime

import pytest
from docker.models.containers import Container
from support.containers import Containers, files_in
from support.records.validity import invalidity

# A -devel image has these layers: see test_devel_layers.py.
pytestmark = pytest.mark.only("runtime")

GIB = 1 << 30
MATMUL = ("workload", "matmul", "--device", "cpu")
# A float64 product of this size, and of the size that estimates it, takes many seconds on
# any CPU: one is running when we stop it.
LONG = (*MATMUL, "--sizes", "14336", "--dtypes", "float64", "--budget", "86400")


def test_half_a_core_gives_one_thread(containers: Containers) -> None:
    small = ("--sizes", "64", "--dtypes", "float32", "--budget", "1", "--json")
    ended = containers.run(*MATMUL, *small, nano_cpus=500_000_000)
    assert ended.code == 0, ended.stderr
    assert json.loads(ended.stdout)["device"]["threads"] == 1


def test_a_product_beyond_the_memory_limit_is_refused_with_both_numbers(
    containers: Containers,
) -> None:
    ended = containers.run(*MATMUL, "--sizes", "30000", mem_limit=GIB, memswap_limit=GIB)
    assert ended.code == 4  # and not 137, killed
    amounts = re.findall(r"\d+(?:\.\d+)? [MG]i?B", ended.stdout)
    assert len(set(amounts)) >= 2, ended.stdout


@pytest.mark.timeout(120)
def test_stopping_a_long_product_takes_less_than_a_second(containers: Containers) -> None:
    container = containers.start(*LONG, "--output", "/workspace/results")
    wait_until_busy(container, cpu_sec=7)
    stopped_at = time.time()
    container.stop(timeout=10)
    container.reload()
    ended_at = datetime.fromisoformat(container.attrs["State"]["FinishedAt"]).timestamp()
    assert container.attrs["State"]["ExitCode"] == 143
    assert ended_at - stopped_at < 1

    (record,) = (json.loads(text) for text in files_in(container, "/workspace/results").values())
    assert invalidity(record) is None
    assert record["status"] == "interrupted"


def wait_until_busy(container: Container, cpu_sec: float) -> None:
    """Wait until it has used so much CPU time that imports and smaller matmuls are done."""
    used_ns = 0
    while used_ns < cpu_sec * 1e9:
        usage = container.stats(stream=False, one_shot=True)["cpu_stats"]["cpu_usage"]
        used_ns = usage.get("total_usage", 0)
        time.sleep(0.1)


def test_a_disk_that_is_full_takes_no_half_record(containers: Containers) -> None:
    script = "workload doctor --quick --device cpu --output /full; echo code $?; ls -A /full"
    ended = containers.run("sh", "-c", script, tmpfs={"/full": "size=4k,mode=1777"})
    assert "No space left on device; free space or choose" in ended.stderr
    assert ended.stdout.endswith("code 6\n")
