"""The Makefile: which commands a target runs, with a stub engine that notes them."""

import re
from pathlib import Path

import pytest
from support.fakes.host import CHECKOUT, Host

SILENT = "exit 1"
ENGINE = "exit 0"
WITH_GPU = 'case "$*" in *Runtimes*) echo nvidia ;; esac'


@pytest.fixture
def docker_host(host: Host) -> Host:
    """A host whose Docker engine answers and has the NVIDIA runtime, with a driver."""
    host.add("docker", WITH_GPU)
    host.add("nvidia-smi", 'echo "NVIDIA H200, 580.65.06"')
    return host


def ran(host: Host, *arguments: str) -> str:
    """Run make, assert that it succeeds; the last command line that reached docker."""
    result = host.run("make", *arguments)
    assert result.returncode == 0, result.stderr
    return [call for call in host.called if not call.startswith("docker info")][-1]


def planned(host: Host, *arguments: str) -> str:
    """What make would run."""
    return host.run("make", "--dry-run", *arguments).stdout


def test_help_is_the_default_and_lists_every_target(host: Host) -> None:
    shown = host.run("make").stdout
    for target in ("image", "run", "test", "shell"):
        assert f"cpu-{target} gpu-{target} " in shown
    for target in ("doctor", "compare", "report", "lint", "lock", "clean", "help"):
        assert f"  {target} " in shown


def test_help_asks_no_engine(docker_host: Host) -> None:
    docker_host.run("make", "help")
    assert docker_host.called == []


def test_args_reach_the_workload(docker_host: Host) -> None:
    call = ran(docker_host, "cpu-run", "ARGS=--budget 10 --json")
    assert call.endswith("workload:cpu python -m workload run --device cpu --budget 10 --json")


def test_a_run_is_hardened_and_belongs_to_the_caller(docker_host: Host) -> None:
    call = ran(docker_host, "cpu-run")
    for option in (
        "--rm --init",
        "--user ",
        "--read-only --tmpfs /tmp",
        "--shm-size 1g",
        "--cap-drop ALL --security-opt no-new-privileges",
        f"--volume {CHECKOUT}/results:/workspace/results:z",
    ):
        assert option in call
    assert "--gpus" not in call


def test_the_image_is_built_before_it_runs(docker_host: Host) -> None:
    ran(docker_host, "cpu-run")
    bakes = [call.split()[-1] for call in docker_host.called if "buildx bake" in call]
    assert bakes[-1] == "cpu"


def test_a_given_image_runs_and_nothing_is_built(docker_host: Host) -> None:
    call = ran(docker_host, "cpu-run", "IMAGE=example.com/workload:1-cpu")
    assert " example.com/workload:1-cpu python -m workload run" in call
    assert not any("bake" in called for called in docker_host.called)


def test_a_gpu_run_gets_the_gpus_and_insists_on_them(docker_host: Host) -> None:
    call = ran(docker_host, "gpu-run")
    assert "--gpus all" in call
    assert call.endswith("workload:gpu python -m workload run --device cuda")


@pytest.mark.parametrize("target", ["gpu-run", "gpu-test", "gpu-shell"])
def test_without_a_gpu_nothing_is_built_and_make_reports_error_4(host: Host, target: str) -> None:
    host.add("docker", ENGINE)
    result = host.run("make", target, "ENGINE=docker")
    assert result.returncode == 2
    assert result.stderr.endswith("gpu-check] Error 4\n")
    assert not any("buildx" in call and "bake" in call for call in host.called)


def test_a_named_engine_that_is_silent_is_an_error_and_no_fallback(host: Host) -> None:
    host.add("docker", SILENT)
    result = host.run("make", "cpu-test", "ENGINE=docker")
    assert "no engine: nothing answers" in result.stderr
    assert result.stderr.endswith("cpu-check] Error 4\n")
    assert "NOTICE" not in result.stderr


def test_an_image_with_a_compiler_takes_the_facts_of_the_one_without(docker_host: Host) -> None:
    assert docker_host.run("make", "gpu-devel-image").returncode == 0
    bakes = [call.split()[-1] for call in docker_host.called if "buildx bake" in call]
    assert bakes == ["gpu", "gpu-devel"]  # measured, then built


@pytest.mark.parametrize("image", ["cpu", "gpu", "cpu-devel", "gpu-devel"])
def test_a_scan_looks_at_the_lock_and_the_image_whose_sbom_was_checked(
    image: str, host: Host
) -> None:
    plan = planned(host, f"{image}-scan")
    assert f"docker/build {image}\n" in plan
    assert f"docker/release/sbom.py {image} workload:{image}\n" in plan
    lock = f"docker/locks/{image.removesuffix('-devel')}.txt"
    assert plan.endswith(f"--image workload:{image} {lock}\n")


def test_an_audit_looks_at_every_lock(host: Host) -> None:
    plan = planned(host, "audit")
    assert plan.endswith("docker/release/scan.py docker/locks/*.txt\n")


def test_in_a_shell_with_a_compiler_what_it_builds_can_be_loaded(docker_host: Host) -> None:
    call = ran(docker_host, "cpu-devel-shell")
    assert "--read-only --tmpfs /tmp:exec " in call
    assert call.endswith(" workload:cpu-devel bash")


@pytest.mark.parametrize("setting", ["ENGINE=host", "PYTHON=python3"])
def test_a_host_has_no_shell_with_a_compiler(host: Host, setting: str) -> None:
    result = host.run("make", "cpu-devel-shell", setting)
    assert "the compiler is in the image: leave ENGINE=host and PYTHON= out" in result.stderr
    assert result.returncode == 2


def test_another_image_than_the_recipe_s_is_not_built(host: Host) -> None:
    result = host.run("docker/build", "tpu")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        "build: an image is cpu or gpu, or one of them with -devel or -test, not 'tpu'\n"
    )


def test_a_shell_with_a_compiler_needs_an_engine(host: Host) -> None:
    host.add("docker", SILENT)
    result = host.run("make", "cpu-devel-shell")
    assert "no engine: nothing answers" in result.stderr
    assert "NOTICE" not in result.stderr
    assert result.returncode == 2


def test_without_a_gpu_no_image_with_a_compiler_is_built_to_open_a_shell(host: Host) -> None:
    host.add("docker", ENGINE)
    result = host.run("make", "gpu-devel-shell")
    assert result.stderr.endswith("gpu-devel-shell] Error 4\n")
    assert not any("bake" in call for call in host.called)


def test_without_an_engine_the_host_runs_after_one_loud_line(host: Host) -> None:
    host.add("docker", SILENT)
    result = host.run("make", "--dry-run", "cpu-run")
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("NOTICE: NO DOCKER ENGINE ANSWERS")
    assert "docker/host/in-host cpu python -m workload run --device cpu" in result.stdout


def test_an_unknown_engine_is_refused(host: Host) -> None:
    result = host.run("make", "cpu-run", "ENGINE=podman")
    assert "ENGINE is docker or host, not 'podman'" in result.stderr
    assert result.returncode == 2


def test_an_image_needs_an_engine(host: Host) -> None:
    result = host.run("make", "cpu-run", "ENGINE=host", "IMAGE=example.com/workload:1-cpu")
    assert "IMAGE= needs a Docker engine" in result.stderr
    assert result.returncode == 2


def test_a_given_interpreter_runs_with_its_own_packages(host: Host) -> None:
    host.add("mypython")
    result = host.run("make", "cpu-run", "PYTHON=mypython", "ARGS=--budget 5")
    assert result.returncode == 0
    assert host.called == ["mypython -m workload run --device cpu --budget 5"]


def test_a_given_interpreter_and_the_docker_engine_contradict(docker_host: Host) -> None:
    result = docker_host.run("make", "cpu-run", "PYTHON=python3", "ENGINE=docker")
    assert "PYTHON= is an interpreter of this host" in result.stderr
    assert result.returncode == 2


def folders_in(line: str) -> list[str]:
    return re.findall(r"tests/(\w+)", line)


@pytest.mark.parametrize("engine", ["docker", "host"])
def test_every_test_is_in_one_session_parallel_or_alone(engine: str, host: Host) -> None:
    host.add("docker", ENGINE)
    plan = planned(host, "cpu-test", f"ENGINE={engine}")
    (parallel,) = (line for line in plan.splitlines() if '-m "not clock"' in line)
    (alone,) = (line for line in plan.splitlines() if "-m clock" in line)
    assert "--numprocesses" in parallel
    assert "--numprocesses" not in alone
    # tests/conftest.py marks all of gpu and benchmarks; unit has both kinds, host and image none.
    beside = [] if engine == "docker" else ["image"]
    assert folders_in(parallel) == ["unit", "host", *beside]
    assert folders_in(alone) == ["unit", "gpu", "benchmarks"]
    assert ("docker/host/test-image cpu" in plan) is (engine == "docker")


@pytest.mark.parametrize("engine", ["docker", "host"])
def test_all_sessions_of_the_tests_add_to_one_count(engine: str, host: Host) -> None:
    host.add("docker", ENGINE)
    plan = planned(host, "cpu-test", f"ENGINE={engine}").splitlines()
    sessions = [line for line in plan if "pytest" in line or "docker/host/test-image" in line]
    assert len(sessions) == (3 if engine == "docker" else 2)
    assert [line for line in sessions if "--counts results/.test-counts " not in line] == []
    assert [line for line in sessions if "--durations 20 " not in line] == []
    assert "rm -f results/.test-counts" in plan[plan.index(sessions[0]) - 1]


def test_a_cache_is_read_by_every_build_and_written_by_the_image_s(docker_host: Host) -> None:
    docker_host.environment["CACHE"] = "gha"
    assert docker_host.run("docker/build", "cpu").returncode == 0
    facts, image = (call for call in docker_host.called if "buildx bake" in call)
    assert "--set *.cache-from=type=gha,scope=cpu " in facts
    assert "--set *.cache-from=type=gha,scope=cpu " in image
    assert "cache-to" not in facts
    assert "--set *.cache-to=type=gha,scope=cpu,mode=max " in image


def test_the_tests_refuse_a_given_image(docker_host: Host) -> None:
    result = docker_host.run("make", "cpu-test", "IMAGE=example.com/workload:1-cpu")
    assert "IMAGE= is for run, shell and compare" in result.stderr
    assert result.returncode == 2


@pytest.fixture
def elsewhere(tmp_path: Path) -> tuple[str, ...]:
    """The make command for an empty folder, whose results/ no other run has touched."""
    (tmp_path / "results").mkdir()
    return (
        "make",
        "--no-print-directory",
        "--file",
        f"{CHECKOUT}/Makefile",
        "--directory",
        str(tmp_path),
    )


def test_compare_without_a_gpu_record_says_how_to_get_one(
    host: Host, elsewhere: tuple[str, ...]
) -> None:
    result = host.run(*elsewhere, "compare", "ENGINE=docker", "A=results/a.json")
    assert "no GPU record in results/: make gpu-run writes one" in result.stderr


def test_compare_takes_the_newest_records(
    host: Host, elsewhere: tuple[str, ...], tmp_path: Path
) -> None:
    for name in ("1T1Z-cpu-9", "2T1Z-cpu-1", "1T1Z-cuda0-7", "3T3Z-none-2"):
        (tmp_path / f"results/run-{name}.json").touch()
    plan = host.run(*elsewhere, "compare", "--dry-run", "ENGINE=docker").stdout
    assert plan.endswith("results/run-2T1Z-cpu-1.json results/run-1T1Z-cuda0-7.json\n")


@pytest.mark.parametrize("b", ["results/b.json", "results/benchmarks/cpu", "results/benchmarks/c/"])
def test_compare_takes_the_files_and_folders_it_is_given(docker_host: Host, b: str) -> None:
    call = ran(docker_host, "compare", "A=results/a.json", f"B={b}")
    assert call.endswith(f"python -m workload compare results/a.json {b}")


def test_the_report_is_made_of_the_folder_where_records_land(docker_host: Host) -> None:
    call = ran(docker_host, "report", "ARGS=--json")
    assert call.endswith("workload:cpu python -m workload report results --json")
