"""The Makefile's benchmarks, with a stub engine that records what it runs."""

import shutil
import sys
from pathlib import Path

import pytest
from support.fakes.host import CHECKOUT, Host


def runs(host: Host) -> list[str]:
    """The command lines of the containers, from the image on, but for the trials."""
    called = [call for call in host.called if not call.endswith(" true")]
    return [call.partition(":z ")[2] for call in called if call.startswith("docker run")]


def test_the_benchmarks_run_in_the_test_image_and_are_stored(docker_host: Host) -> None:
    assert docker_host.run("make", "cpu-bench", "ARGS=-k float32").returncode == 0
    (run,) = runs(docker_host)
    assert " workload:cpu-test python -m pytest " in run
    assert run.endswith("--target cpu --store results/benchmarks -k float32 tests/benchmarks")


def test_a_container_is_told_which_image_it_runs(docker_host: Host) -> None:
    docker_host.run("make", "cpu-bench")
    (run,) = runs(docker_host)
    assert run.startswith("--env WORKLOAD_IMAGE=sha256:1234 workload:cpu-test ")


def test_on_a_gpus_machine_both_sides_run_in_one_image(docker_host: Host) -> None:
    assert docker_host.run("make", "gpu-bench").returncode == 0
    gpu, cpu = runs(docker_host)
    assert " workload:gpu-test " in gpu
    assert " --target gpu " in gpu
    assert cpu == gpu.replace("--target gpu", "--target cpu")


def test_a_host_runs_the_same_benchmarks(host: Host) -> None:
    host.add_python()
    assert host.run("make", "cpu-bench", "PYTHON=mypython").returncode == 0
    (call,) = host.called
    assert call.endswith("--target cpu --store results/benchmarks tests/benchmarks")


@pytest.fixture
def checkout(host: Host) -> Path:
    """A checkout of the scripts alone, whose results no other run writes."""
    path = host.bin.parent / "checkout"
    shutil.copytree(CHECKOUT / "docker", path / "docker")
    host.add("date", "echo now")
    return path


def sides(host: Host) -> dict[str, str]:
    """The command line of each process, `a/1`, `b/1` and so on."""
    return {
        call.partition("--benchmark-json results/benchmarks/ab-now/")[2].partition(".json")[0]: call
        for call in host.called
        if "--benchmark-json" in call
    }


def test_two_sides_take_turns_within_each_pair(host: Host, checkout: Path) -> None:
    host.add_python()
    host.environment["PYTHON"] = "mypython"
    result = host.run(f"{checkout}/docker/host/ab", "cpu", "2")
    assert result.returncode == 0, result.stderr
    called = sides(host)
    assert sorted(called) == ["a/1", "a/2", "b/1", "b/2"]
    base = "results/benchmarks/ab-now"
    for name, call in called.items():
        side, pair = name.split("/")
        assert f" --turns {side}:{base}/turns-{pair} " in call
    assert host.called[-1] == f"mypython -m workload compare {base}/a {base}/b"


def test_options_of_side_b_reach_side_b_alone(host: Host, checkout: Path) -> None:
    host.add_python()
    host.environment |= {"PYTHON": "mypython", "COMPARE": "--fail-if-slower 5%"}
    host.run(f"{checkout}/docker/host/ab", "cpu", "1", "--slow", "matmul 1024 float32=1.2")
    called = sides(host)
    assert "--slow" not in called["a/1"]
    assert "--slow matmul 1024 float32=1.2 tests/benchmarks" in called["b/1"]
    assert " compare --fail-if-slower 5% " in host.called[-1]


def test_side_b_may_be_another_image(host: Host, checkout: Path) -> None:
    host.add("docker")
    host.environment["B_IMAGE"] = "mine:1"
    host.run(f"{checkout}/docker/host/ab", "cpu", "1")
    called = sides(host)
    assert " workload:cpu-test " in called["a/1"]
    assert " mine:1 " in called["b/1"]
    assert " workload:cpu-test python -m workload compare " in host.called[-1]


def test_an_image_of_side_b_that_is_nowhere_is_refused_before_side_a_runs(
    host: Host, checkout: Path
) -> None:
    host.add("docker", 'case "$*" in *" nosuch"*) exit 1 ;; esac')
    host.environment["B_IMAGE"] = "nosuch"
    result = host.run(f"{checkout}/docker/host/ab", "cpu", "1")
    assert result.returncode == 4
    assert "in-docker: the image nosuch:latest is not here and cannot be pulled" in result.stderr
    assert not sides(host)


@pytest.mark.parametrize("options", ["--fail-if-slower x", "--nosuch", "--strict", "c"])
def test_wrong_options_of_the_comparison_are_refused_before_side_a_runs(
    host: Host, checkout: Path, options: str
) -> None:
    host.environment |= {"PYTHON": sys.executable, "COMPARE": options}
    result = host.run(f"{checkout}/docker/host/ab", "cpu", "1")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("workload compare: ")
    assert result.stderr.count("\n") == 1
    assert not (checkout / "results/benchmarks").exists()


def test_wrong_options_of_side_b_are_refused_before_side_a_runs(host: Host, checkout: Path) -> None:
    host.add_python(script='case "$*" in *--collect-only*) echo no such option; exit 4 ;; esac')
    host.environment["PYTHON"] = "mypython"
    result = host.run(f"{checkout}/docker/host/ab", "cpu", "1", "--nosuch")
    assert result.returncode == 2
    assert result.stderr == (
        "no such option\nab: B_ARGS=--nosuch cannot be used (pytest says why, above): "
        "give options that leave some benchmarks\n"
    )
    assert not sides(host)


def test_a_python_that_fails_before_side_a_runs_keeps_its_code(host: Host, checkout: Path) -> None:
    host.add_python(script='case "$*" in *--collect-only*) echo stopped; exit 130 ;; esac')
    host.environment["PYTHON"] = "mypython"
    result = host.run(f"{checkout}/docker/host/ab", "cpu", "1", "-x")
    assert (result.returncode, result.stderr) == (130, "stopped\n")


def test_options_of_side_b_are_tried_in_its_image(host: Host, checkout: Path) -> None:
    host.add("docker")
    host.environment["B_IMAGE"] = "mine:1"
    host.run(f"{checkout}/docker/host/ab", "cpu", "1", "-x")
    (tried,) = [call for call in host.called if "--collect-only" in call]
    assert " mine:1 " in tried


@pytest.mark.parametrize("pairs", ["x", "0", "-1", "1.5", "1000"])
def test_a_number_of_pairs_that_is_none_is_bad_input(host: Host, pairs: str) -> None:
    result = host.run("make", "cpu-ab", f"RUNS={pairs}")
    assert f"ab: RUNS={pairs} is not a whole number from 1 to 999\n" in result.stderr
    assert result.stderr.endswith("cpu-ab] Error 2\n")
    assert host.called == []


@pytest.mark.parametrize("failing", ["a", "b"])
def test_a_failing_side_ends_it_with_its_output(host: Host, checkout: Path, failing: str) -> None:
    host.add_python(script=f'case "$*" in *"--turns {failing}:"*) echo broken case; exit 7 ;; esac')
    host.environment["PYTHON"] = "mypython"
    result = host.run(f"{checkout}/docker/host/ab", "cpu", "4")
    assert result.returncode == 7
    assert "broken case" in result.stderr
    assert sorted(sides(host)) == ["a/1", "b/1"]
