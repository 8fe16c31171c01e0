"""`make cpu-test` runs every test once and adds the counts up."""

import re
from pathlib import Path

import pytest
from support.fakes.host import Host

ENGINE = ""


def sessions(host: Host, engine: str) -> list[str]:
    """The command lines of pytest that `make cpu-test` starts."""
    if engine == "docker":
        host.add("docker", ENGINE)
        result = host.run("make", "cpu-test", "ENGINE=docker", "ARGS=-v")
    else:
        host.add_python()
        result = host.run("make", "cpu-test", "PYTHON=mypython", "ARGS=-v")
    assert result.returncode == 0, result.stderr
    return [call for call in host.called if " -m pytest " in call]


def folders_in(line: str) -> list[str]:
    return re.findall(r"tests/(\w+)", line)


@pytest.mark.parametrize("engine", ["docker", "host"])
def test_every_test_is_in_one_session_parallel_or_alone(engine: str, host: Host) -> None:
    parallel, alone, *beside = sessions(host, engine)
    assert "-m not clock " in parallel
    assert "--numprocesses" in parallel
    assert "-m clock " in alone
    assert "--numprocesses" not in alone
    # tests/conftest.py marks all of gpu and benchmarks; unit has both kinds, host and image none.
    images = [] if engine == "docker" else ["image"]
    assert folders_in(parallel) == ["host", "unit", *images]
    assert folders_in(alone) == ["unit", "gpu", "benchmarks"]
    assert [folders_in(line) for line in beside] == ([["image"]] if engine == "docker" else [])
    assert "--case-budget 0.2 --benchmark-quiet" in alone


@pytest.mark.parametrize("engine", ["docker", "host"])
def test_all_sessions_of_the_tests_add_to_one_count(engine: str, host: Host) -> None:
    started = sessions(host, engine)
    assert [line for line in started if "--counts results/.test-counts " not in line] == []
    assert [line for line in started if "--durations 20 -v" not in line] == []


def test_without_a_gpu_its_tests_name_those_of_the_cpu(host: Host) -> None:
    host.add("docker", ENGINE)
    result = host.run("make", "gpu-test")
    assert result.stderr.splitlines()[0].endswith("; use make cpu-test")


def test_counts_of_an_earlier_run_are_removed(host: Host, checkout: Path) -> None:
    host.add_python()
    host.environment["PYTHON"] = "mypython"
    (checkout / "results").mkdir()
    (checkout / "results/.test-counts").write_text("1 0\n")
    assert host.run(f"{checkout}/docker/host/run-tests", "cpu").returncode == 0
    assert not (checkout / "results/.test-counts").exists()
