"""docker/host/gpu-proof and its goals: where a proof runs, and what it refuses."""

import sys

import pytest
from support.fakes.host import Host

GPU = 'case "$*" in *Runtimes*) echo nvidia ;; esac'
PROGRAM = "tests/tools/gpu_proof"


@pytest.fixture
def python_host(host: Host) -> Host:
    """A host without an engine, and an interpreter to use as it is."""
    host.add_python("mypython")
    host.environment["PYTHON"] = "mypython"
    return host


def refusal(host: Host, *command: str) -> str:
    result = host.run(*command)
    assert result.returncode == 2
    assert not any(PROGRAM in call for call in host.called)
    return result.stderr


def test_with_an_engine_it_runs_in_the_test_image_with_the_gpus(host: Host) -> None:
    host.add("docker", GPU)
    host.add("nvidia-smi", 'echo "NVIDIA H200, 580.65.06"')
    result = host.run("make", "gpu-proof", "BUDGET=420", "OUT=results/mine", "ARGS=--smoke")
    assert result.returncode == 0, result.stderr
    call = host.called[-1]
    assert "--gpus all" in call
    assert call.endswith(
        f"workload:gpu-test python {PROGRAM} --budget 420 --out results/mine --smoke"
    )


def test_a_rehearsal_needs_no_gpu(host: Host) -> None:
    host.add("docker", GPU)
    result = host.run("docker/host/gpu-proof", "--device", "cpu")
    assert result.returncode == 0, result.stderr
    call = host.called[-1]
    assert "--gpus" not in call
    assert call.endswith(f"workload:cpu-test python {PROGRAM} --device cpu")


def test_a_given_interpreter_runs_it_without_an_engine_or_make(python_host: Host) -> None:
    python_host.environment |= {"OUT": "/out/a b", "WHEELS": "/wheels"}
    result = python_host.run("docker/host/gpu-proof")
    assert result.returncode == 0, result.stderr
    assert python_host.called == [f"mypython {PROGRAM} --out /out/a b --wheels /wheels"]


@pytest.mark.parametrize("out", ["/tmp/x", "results/../x", "resultsx", "x/results/y"])  # noqa: S108  a name
def test_in_a_container_only_results_can_be_written(out: str, host: Host) -> None:
    host.add("docker", GPU)
    assert refusal(host, "make", "gpu-proof", f"OUT={out}").startswith(
        f"gpu-proof: OUT={out} is not mounted in the container: choose a folder in results/\n"
    )


@pytest.mark.parametrize(
    ("setting", "error"),
    [
        ("WHEELS=wheels", "gpu-proof: WHEELS= is for ENGINE=host: the image has all packages\n"),
        ("IMAGE=x", "gpu-proof: IMAGE= is for run, shell and compare: the proof builds its own\n"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(setting: str, error: str, host: Host) -> None:
    host.add("docker", GPU)
    assert refusal(host, "make", "gpu-proof", setting).startswith(error)


def test_without_a_gpu_a_rehearsal_is_offered(host: Host) -> None:
    host.add("docker")
    result = host.run("make", "gpu-proof")
    line, *_ = result.stderr.splitlines()
    assert line.endswith('; use make gpu-proof ARGS="--smoke --device cpu" to rehearse it')


def test_reading_gets_the_file_and_the_options(python_host: Host) -> None:
    result = python_host.run("make", "gpu-proof-read", "FILE=a b`id`.tar.gz", "ARGS=--place")
    assert result.returncode == 0, result.stderr
    assert python_host.called == [f"mypython {PROGRAM}/read.py a b`id`.tar.gz --place"]


def test_a_name_of_two_lines_is_refused_in_one(host: Host) -> None:
    host.environment |= {"PYTHON": sys.executable, "FILE": "a\nb"}
    assert host.run("make", "-s", "gpu-proof-read").stderr.startswith(
        "gpu-proof-read: a?b cannot be read: No such file or directory; check FILE=\nmake: "
    )
