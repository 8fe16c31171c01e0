"""Every known problem of other images has a check or a prevention, and tests."""

import ast
import re
from pathlib import Path

import pytest
from support.doctor.fault_matrix import TESTS, problems
from support.doctor.generated import write
from support.locks import locked

from workload.doctor.checks.registry import CHECKS
from workload.hardware.cuda_support import minimum_driver

ROOT = TESTS.parent
BAKE = (ROOT / "docker/docker-bake.hcl").read_text()
PROBLEMS = problems()
ANSWERS = pytest.mark.parametrize("answer", PROBLEMS, ids=lambda answer: answer["problem"])


@ANSWERS
def test_a_problem_has_a_check_or_a_prevention(answer: dict[str, list[str]]) -> None:
    assert answer.get("checks") or answer.get("prevention")


@ANSWERS
def test_the_checks_of_a_problem_exist(answer: dict[str, list[str]]) -> None:
    assert set(answer.get("checks", [])) <= {check.id for check in CHECKS}


@ANSWERS
def test_the_tests_of_a_problem_exist(answer: dict[str, list[str]]) -> None:
    assert answer["tests"]
    for name in answer["tests"]:
        file, _, test = name.partition("::")
        assert test in names_of_tests(TESTS / file)


def names_of_tests(path: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_the_check_of_a_generated_page_fails_when_it_is_out_of_date(tmp_path: Path) -> None:
    path = tmp_path / "FAULTS.md"
    write(path, "new", "command", [])
    assert write(path, "new", "command", ["--check"]) is None
    assert write(path, "newer", "command", ["--check"]) == (
        "FAULTS.md is out of date: run `command`"
    )


def test_the_bases_are_pinned_by_digest() -> None:
    bases = re.findall(r'variable "\w+_BASE" \{\n  default = "([^"]+)"', BAKE)
    assert len(bases) == 2
    assert [base for base in bases if not re.search(r"@sha256:[0-9a-f]{64}$", base)] == []


def test_the_base_has_the_cuda_of_torch() -> None:
    (base,) = re.findall(r"nvidia/cuda:(\d+\.\d+)\.", BAKE)
    assert locked("gpu.txt")["cuda-toolkit ; sys_platform == 'linux'"].startswith(f"{base}.")
    assert minimum_driver(base) == "580"


def test_compose_gives_a_gigabyte_of_shared_memory() -> None:
    assert "shm_size: 1gb" in (ROOT / "compose.yaml").read_text()
