"""The plan of a proof: shares of the time, and commands that exist."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from tools.gpu_proof import packages, proof
from tools.gpu_proof.archive import KNOWN
from tools.gpu_proof.plan import DISTRIBUTIONS, PACK_SEC, SMOKE_SEC, Options, Step, steps

from workload.cli.arguments import parse

TESTS = Path(__file__).parents[2]
OPTIONS = [
    Options("cuda", 420.0),
    Options("cuda", 3600.0),
    Options("cuda", SMOKE_SEC, smoke=True),
    Options("cpu", 600.0),
    Options("cpu", SMOKE_SEC, smoke=True),
]


def planned(options: Options) -> list[Step]:
    return steps(options, Path("/scratch"))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_shares_and_the_archive_make_up_the_budget(options: Options) -> None:
    shares = [step.share_sec for step in planned(options)]
    assert sum(shares) + PACK_SEC == pytest.approx(options.budget_sec)


def test_in_seven_minutes_the_most_important_record_is_the_third_step() -> None:
    third = planned(Options("cuda", 420.0))[2]
    assert third.name == "run-gpu"
    assert third.share_sec == pytest.approx(80, rel=0.02)
    assert "--budget 60" in " ".join(third.command)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_program_and_folder_that_a_step_names_exists(options: Options) -> None:
    for step in planned(options):
        words = [word for word in step.command[1:] if "tests/" in word]
        assert [word for word in words if not (TESTS.parent / word).exists()] == []


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_kept_file_can_be_read_again(options: Options) -> None:
    kept = [step.keep[1] for step in planned(options) if step.keep]
    assert sorted(kept) == sorted(name for name in KNOWN if name.endswith(".json"))


@pytest.mark.parametrize(
    ("options", "left_out"),
    [
        (Options("cuda", 600.0), {}),
        (Options("cpu", 600.0), {"tests-gpu": "a rehearsal on the CPU"}),
        (
            Options("cpu", SMOKE_SEC, smoke=True),
            {
                "tests-gpu": "a rehearsal on the CPU",
                "modes": "a rehearsal on the CPU, where it takes 40 s",
            },
        ),
    ],
    ids=str,
)
def test_a_rehearsal_takes_the_gpus_steps_on_the_cpu_and_says_which_it_does_not(
    options: Options, left_out: dict[str, str]
) -> None:
    found = planned(options)
    assert {step.name: step.not_applicable for step in found if step.not_applicable} == left_out
    if options.device == "cpu":
        assert not any(step.gpu or "cuda" in step.command for step in found)


def test_every_module_that_a_step_needs_has_a_package_to_install() -> None:
    needed = {module for step in planned(OPTIONS[0]) for module in step.modules}
    assert needed == set(DISTRIBUTIONS)


def ran(command: Sequence[str], *more: str) -> "subprocess.CompletedProcess[str]":
    """Run a step's command with further options."""
    environment = proof.environment() | {"PYTEST_ADDOPTS": ""}
    return subprocess.run(
        [*command, *more], env=environment, capture_output=True, text=True, check=False
    )


def test_every_program_understands_its_options() -> None:
    smoke = planned(OPTIONS[2])  # has every option
    programs = [step for step in smoke if step.command[1] != "-m"]
    assert [step.name for step in programs] == ["facts", "modes", "determinism", "sweep", "cuts"]
    for step in programs:
        refused = ran(step.command, "--nonsense")
        assert refused.stderr.endswith("error: unrecognized arguments: --nonsense\n"), step.name


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_workload_understands_its_options(options: Options) -> None:
    found = [step for step in planned(options) if step.command[2] == "workload"]
    commands = [parse(step.command[3:]).command for step in found]
    assert commands == ["doctor", "run", "run"]


@pytest.mark.parametrize("options", [OPTIONS[0], OPTIONS[2]], ids=str)
@pytest.mark.parametrize("name", ["tests-gpu", "benchmarks-gpu"])
def test_pytest_finds_tests_by_its_options(name: str, options: Options, tmp_path: Path) -> None:
    (step,) = [step for step in steps(options, tmp_path) if step.name == name]
    shown = ran(step.command, "--collect-only", "-q")
    assert shown.returncode == 0, shown.stdout + shown.stderr  # 5 if there are none


def wheel(folder: Path, name: str, text: str) -> None:
    """Make a wheel of one module."""
    import zipfile  # noqa: PLC0415  this function's alone

    info = f"{name}-1.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1-py3-none-any.whl", "w") as made:
        made.writestr(f"{name}.py", text)
        made.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        made.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        made.writestr(f"{info}/RECORD", "")


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what a test installs be forgotten."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("PYTHONPATH", "")


@pytest.mark.usefixtures("path")
def test_missing_packages_are_taken_from_a_folder_of_wheels(tmp_path: Path) -> None:
    wheel(tmp_path, "absent_here", "")
    assert packages.missing(["absent_here"]) == ["absent_here"]
    assert packages.install(tmp_path, tmp_path / "site") is None
    assert packages.missing(["absent_here"]) == []


@pytest.mark.usefixtures("path")
def test_a_package_that_this_machine_has_is_not_replaced(tmp_path: Path) -> None:
    wheel(tmp_path, "pytest", "raise RuntimeError")
    assert packages.install(tmp_path, tmp_path / "site") is None
    assert not (tmp_path / "site").exists()


@pytest.mark.usefixtures("path")
def test_a_wheel_for_another_python_is_named(tmp_path: Path) -> None:
    (tmp_path / "absent_here-1-cp99-cp99-win32.whl").touch()
    problem = packages.install(tmp_path, tmp_path / "site") or ""
    assert "absent_here-1-cp99-cp99-win32.whl is not a supported wheel" in problem
    assert "\n" not in problem


def test_a_folder_without_wheels_is_named(tmp_path: Path) -> None:
    assert packages.install(tmp_path, tmp_path / "site") == f"WHEELS={tmp_path} has no wheels"
