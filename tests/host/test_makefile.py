"""The Makefile: which commands a target runs, with a stub engine that records them."""

import pytest
from support.fakes.host import CHECKOUT, Host

SILENT = "exit 1"
ENGINE = ""


def ran(host: Host, *arguments: str) -> str:
    """Run make, assert that it succeeds; the last command line that reached docker."""
    result = host.run("make", *arguments)
    assert result.returncode == 0, result.stderr
    return [call for call in host.called if not call.startswith("docker info")][-1]


def test_help_is_the_default_and_lists_every_target(host: Host) -> None:
    shown = host.run("make").stdout
    for target in ("image", "run", "test", "shell"):
        assert f"  cpu-{target} " in shown
        assert f"  gpu-{target} " in shown
    for target in ("doctor", "compare", "report", "lint", "lock", "clean", "help"):
        assert f"  {target} " in shown


def test_help_asks_no_engine(docker_host: Host) -> None:
    docker_host.run("make", "help")
    assert docker_host.called == []


def test_args_reach_the_workload(docker_host: Host) -> None:
    call = ran(docker_host, "cpu-run", "ARGS=--budget 10 --json")
    assert call.endswith("workload:cpu python -m workload run --device cpu --budget 10 --json")


def test_args_may_have_line_ends(docker_host: Host) -> None:
    docker_host.environment["ARGS"] = "--budget 10\n--json\n"
    call = ran(docker_host, "cpu-run")
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
    assert call.endswith("workload:gpu python -m workload run --device all")


@pytest.mark.parametrize(("gpus", "device"), [("all", "all"), ("0", "cuda:0"), ("12", "cuda:12")])
def test_gpus_chooses_all_or_one(gpus: str, device: str, docker_host: Host) -> None:
    assert ran(docker_host, "gpu-run", f"GPUS={gpus}").endswith(f"workload run --device {device}")


def test_ranks_divide_the_cpus(docker_host: Host) -> None:
    call = ran(docker_host, "cpu-run", "RANKS=2", "ARGS=--budget 10")
    assert call.endswith("workload run --device cpu --ranks 2 --budget 10")


@pytest.mark.parametrize(
    ("goal", "setting", "meaning"),
    [
        ("cpu-run", "RANKS=two", "a whole number from 1 to 256"),
        ("cpu-run", "RANKS=0", "a whole number from 1 to 256"),
        ("cpu-run", "RANKS=257", "a whole number from 1 to 256"),
        ("cpu-run", "RANKS=2 3", "a whole number from 1 to 256"),
        ("cpu-run", "RANKS=2\n3", "a whole number from 1 to 256"),
        ("gpu-run", "GPUS=0,1", "all, or the number of one GPU in nvidia-smi"),
        ("gpu-run", "GPUS=all 0", "all, or the number of one GPU in nvidia-smi"),
        ("gpu-run", "GPUS=-1", "all, or the number of one GPU in nvidia-smi"),
        ("gpu-proof", "BUDGET=59", "a number of seconds from 60 to 86400"),
        ("gpu-proof", "BUDGET=86401", "a number of seconds from 60 to 86400"),
        ("gpu-proof", "BUDGET=nan", "a number of seconds from 60 to 86400"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_before_an_engine_is_asked(
    docker_host: Host, goal: str, setting: str, meaning: str
) -> None:
    result = docker_host.run("make", goal, setting)
    shown = setting.replace("\n", "")
    assert result.stderr.startswith(f"make: {shown} is not {meaning}\n")
    assert result.stderr.endswith(f"{goal}] Error 2\n")
    assert docker_host.called == []


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("RANKS", ["", "1", "9", "10", "99", "100", "256"]),
        ("GPUS", ["", "all", "0", "15"]),
        ("BUDGET", ["", "60", "60.5", "600", "9999", "86399.5", "86400"]),
    ],
)
def test_settings_up_to_their_limits_are_taken(host: Host, name: str, values: list[str]) -> None:
    for value in values:
        host.environment[name] = value
        result = host.run("docker/host/check-settings", name)
        assert (result.returncode, result.stderr) == (0, ""), value


@pytest.mark.parametrize(
    ("goal", "setting", "line"),
    [
        ("cpu-run", "ENGINE=a\nb", "check-engine: ENGINE is docker, podman or host, not 'a b'"),
        ("doctor", "ENGINE=a\nb", "doctor: ENGINE is docker, podman or host, not 'a b'"),
        ("cpu-image", "PLATFORM=a\nb", "build: PLATFORM is linux/amd64 or linux/arm64, not 'a b'"),
        ("cpu-ab", "RUNS=1\n\033[2J2", "ab: RUNS=1 [2J2 is not a whole number from 1 to 999"),
        ("gpu-proof", "OUT=/a\nb", "gpu-proof: OUT=/a b is not mounted in the container: choose a "
         "folder in results/"),
        ("verify-image", "IMAGE=-a\nb", "verify-image: -a b is not an image name"),
        ("compare", "A=a\nb", "compare: A=a b does not exist: check the path"),
    ],
)  # fmt: skip
def test_a_value_of_two_lines_is_refused_in_one(
    docker_host: Host, goal: str, setting: str, line: str
) -> None:
    name, _, value = setting.partition("=")
    docker_host.environment |= {"B": "b", name: value}
    result = docker_host.run("make", "-s", goal)
    assert result.stderr.splitlines()[:-1] == [line]


@pytest.mark.parametrize("goal", ["cpu-run", "cpu-test", "cpu-shell", "report", "cpu-ab"])
def test_a_platform_is_not_for_what_runs_here(docker_host: Host, goal: str) -> None:
    result = docker_host.run("make", goal, "PLATFORM=linux/arm64")
    assert result.stderr.startswith("make: PLATFORM= is for the goals that build an image, ")
    assert result.stderr.endswith(f"{goal}] Error 2\n")
    assert docker_host.called == []


@pytest.mark.parametrize(
    "target", ["gpu-run", "gpu-test", "gpu-shell", "gpu-devel-shell", "gpu-bench", "gpu-proof"]
)
def test_without_a_gpu_nothing_is_built_and_make_reports_error_4(host: Host, target: str) -> None:
    host.add("docker", ENGINE)
    result = host.run("make", target, "ENGINE=docker")
    assert result.returncode == 2
    assert result.stderr.endswith(f"{target}] Error 4\n")
    assert not any("buildx" in call and "bake" in call for call in host.called)


def test_an_image_with_a_compiler_takes_the_facts_of_the_one_without(docker_host: Host) -> None:
    assert docker_host.run("make", "gpu-devel-image").returncode == 0
    bakes = [call.split()[-1] for call in docker_host.called if "buildx bake" in call]
    assert bakes == ["gpu", "gpu-devel"]  # measured, then built


@pytest.mark.parametrize("image", ["cpu", "gpu", "cpu-devel", "gpu-devel"])
def test_a_scan_looks_at_the_lock_and_the_image_whose_sbom_was_checked(
    image: str, docker_host: Host
) -> None:
    docker_host.add_python()
    result = docker_host.run("make", f"{image}-scan", "PYTHON=mypython")
    assert result.returncode == 0, result.stderr
    sbom, scan = docker_host.called[-2:]
    lock = f"docker/locks/{image.removesuffix('-devel')}.txt"
    assert sbom == f"mypython docker/release/sbom.py {image} workload:{image}"
    assert scan == f"mypython docker/release/scan.py --image workload:{image} {lock}"
    assert any(call.startswith("docker buildx bake") for call in docker_host.called)


def test_a_given_image_is_scanned_and_not_built(docker_host: Host) -> None:
    docker_host.add_python()
    docker_host.run("make", "cpu-scan", "PYTHON=mypython", "IMAGE=mine:1")
    assert docker_host.called[0] == "mypython docker/release/sbom.py cpu mine:1"
    assert not any("bake" in call for call in docker_host.called)


def test_an_audit_looks_at_every_lock(host: Host) -> None:
    host.add_python()
    host.run("make", "audit", "PYTHON=mypython")
    (call,) = host.called
    assert call.startswith("mypython docker/release/scan.py docker/locks/build.txt")
    assert call.endswith("docker/locks/test.txt")


def test_in_a_shell_with_a_compiler_what_it_builds_can_be_loaded(docker_host: Host) -> None:
    call = ran(docker_host, "cpu-devel-shell")
    assert "--read-only --tmpfs /tmp:exec " in call
    assert call.endswith(" workload:cpu-devel bash")


def test_podman_answers_as_docker(host: Host) -> None:
    host.add("docker", "exit 1")
    host.add(
        "podman", 'case $1 in version) printf "Client: Podman Engine\\nVersion: 5.4.2\\n" ;; esac'
    )
    result = host.run("make", "doctor", "ENGINE=podman", "IMAGE=example.com/workload:cpu")
    assert "Podman 5.4.2 answers" in " ".join(result.stdout.split())
    assert not any(call.startswith("docker") for call in host.called)


def test_another_image_than_the_recipe_s_is_not_built(host: Host) -> None:
    result = host.run("docker/build", "tpu")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        "build: an image is cpu or gpu, or one of them with -devel or -test, or gpu-lab, "
        "not 'tpu'\n"
    )


def test_a_given_interpreter_and_the_docker_engine_contradict(docker_host: Host) -> None:
    result = docker_host.run("make", "cpu-run", "PYTHON=python3", "ENGINE=docker")
    assert "PYTHON= is an interpreter of this host" in result.stderr
    assert result.returncode == 2


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


def test_the_report_is_made_of_the_folder_where_records_land(docker_host: Host) -> None:
    call = ran(docker_host, "report", "ARGS=--json")
    assert call.endswith("workload:cpu python -m workload report results --json")
