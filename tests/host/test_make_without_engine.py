"""Without an engine the goals run on the host, or say what needs one."""

import pytest
from support.fakes.host import Host

SILENT = "exit 1"


def test_a_named_engine_that_is_silent_is_an_error_and_no_fallback(host: Host) -> None:
    host.add("docker", SILENT)
    result = host.run("make", "cpu-test", "ENGINE=docker")
    assert "no engine: no answer" in result.stderr
    assert result.stderr.endswith("cpu-test] Error 4\n")
    assert "NOTICE" not in result.stderr


@pytest.mark.parametrize("setting", ["ENGINE=host", "PYTHON=python3"])
def test_a_host_has_no_shell_with_a_compiler(host: Host, setting: str) -> None:
    result = host.run("make", "cpu-devel-shell", setting)
    assert "the compiler is in the image: leave ENGINE=host and PYTHON= out" in result.stderr
    assert result.returncode == 2


def test_a_shell_with_a_compiler_needs_an_engine(host: Host) -> None:
    host.add("docker", SILENT)
    result = host.run("make", "cpu-devel-shell")
    assert "no engine: no answer" in result.stderr
    assert "NOTICE" not in result.stderr
    assert result.returncode == 2


def test_without_an_engine_the_host_runs_after_one_line(host: Host) -> None:
    host.add("docker", SILENT)
    result = host.run("docker/host/choose-engine")
    assert result.stdout == "host\n"
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("NOTICE: NO DOCKER ENGINE ANSWERS")


def test_a_shell_on_the_host_is_the_callers(host: Host) -> None:
    host.add_python()
    host.add("myshell")
    host.environment["SHELL"] = "myshell"
    host.environment["PYTHON"] = "mypython"
    host.run("docker/host/run", "cpu", "shell")
    assert host.called == ["myshell "]


def test_an_unknown_engine_is_refused(host: Host) -> None:
    result = host.run("make", "cpu-run", "ENGINE=lxc")
    assert "ENGINE is docker, podman or host, not 'lxc'" in result.stderr
    assert result.returncode == 2


def test_an_image_needs_an_engine(host: Host) -> None:
    result = host.run("make", "cpu-run", "ENGINE=host", "IMAGE=example.com/workload:1-cpu")
    assert "IMAGE= needs a Docker engine" in result.stderr
    assert result.returncode == 2


def test_a_given_interpreter_runs_with_its_own_packages(host: Host) -> None:
    host.add_python()
    result = host.run("make", "cpu-run", "PYTHON=mypython", "ARGS=--budget 5")
    assert result.returncode == 0
    assert host.called == ["mypython -m workload run --device cpu --budget 5"]
