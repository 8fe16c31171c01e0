"""How many threads OpenMP runs at most, whatever PyTorch asks for."""

import os
import subprocess
import sys

import pytest

from workload.hardware.openmp import team_limit


@pytest.mark.parametrize(
    ("name", "value", "limit"),
    [
        ("OMP_THREAD_LIMIT", "1", (1, "OMP_THREAD_LIMIT=1")),
        ("OMP_THREAD_LIMIT", " 3 ", (3, "OMP_THREAD_LIMIT=3")),
        ("OMP_THREAD_LIMIT", "0", None),  # OpenMP refuses it
        ("OMP_THREAD_LIMIT", "few", None),
        ("OMP_DYNAMIC", "true", (1, "OMP_DYNAMIC=true")),
        ("OMP_DYNAMIC", "TRUE", (1, "OMP_DYNAMIC=TRUE")),
        ("OMP_DYNAMIC", "false", None),
        ("OMP_DYNAMIC", "1", None),
        ("OMP_MAX_ACTIVE_LEVELS", "0", (1, "OMP_MAX_ACTIVE_LEVELS=0")),
        ("OMP_MAX_ACTIVE_LEVELS", "1", None),
        ("OMP_NUM_THREADS", "1", None),  # PyTorch asks for no more
    ],
)
def test_a_variable_limits_the_threads(
    name: str, value: str, limit: tuple[int, str] | None
) -> None:
    assert team_limit({name: value}) == limit


def test_the_lowest_limit_holds() -> None:
    environment = {"OMP_THREAD_LIMIT": "4", "OMP_DYNAMIC": "true"}
    assert team_limit(environment) == (1, "OMP_DYNAMIC=true")


@pytest.mark.parametrize(
    "setting", ["OMP_THREAD_LIMIT=1", "OMP_DYNAMIC=true", "OMP_MAX_ACTIVE_LEVELS=0"]
)
def test_results_are_right_with_the_threads_that_run(setting: str) -> None:
    name, _, value = setting.partition("=")
    environment = {key: text for key, text in os.environ.items() if key != "OMP_NUM_THREADS"}
    ended = subprocess.run(
        [sys.executable, "-m", "workload", "verify", "--device", "cpu", "--dtypes", "bfloat16"],
        env={**environment, name: value},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ", 1 thread, --device cpu" in ended.stdout
    text = " ".join(ended.stdout.split())
    assert (
        f"warning environment: {setting} changes speed and bits; unset the variables that" in text
    )
