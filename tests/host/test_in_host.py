"""docker/host/in-host with PYTHON=: an interpreter that cannot do the work: exit 4, one line."""

import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from support.fakes.host import CHECKOUT, Host

NEXT = "; set PYTHON= to an interpreter with the packages of docker/locks/cpu.txt, or omit it\n"
RUN = ("python", "-m", "workload", "--version")
# A file of this name in the place of a library, and what it says in the one line.
SHADOWS = {
    "rich": "cannot import rich ({file} is in its place)",
    "msgspec": "cannot import msgspec ({file} is in its place)",
    "torch": "cannot import torch ({file} is in its place)",
    "random": "(cannot import name '",
    "types": "cannot import name 'GenericAlias' from 'types'",
}


@pytest.fixture
def refused(host: Host) -> Callable[..., str]:
    """`refused(interpreter)`: the one line, less its fix."""

    def run(interpreter: object, command: tuple[str, ...] = RUN) -> str:
        host.environment["PYTHON"] = str(interpreter)
        result = host.run("docker/host/in-host", "cpu", *command)
        assert (result.returncode, result.stdout) == (4, "")
        assert result.stderr.endswith(NEXT)
        assert result.stderr.count("\n") == 1
        return result.stderr.removesuffix(NEXT)

    return run


def test_one_that_is_not_there(refused: Callable[..., str]) -> None:
    assert refused("/no/such") == "in-host: PYTHON=/no/such does not exist"


def test_a_folder(refused: Callable[..., str], tmp_path: Path) -> None:
    assert refused(tmp_path) == f"in-host: PYTHON={tmp_path} is a folder"


@pytest.mark.parametrize("program", ["true", "cat", "sh", "echo", "test"])
def test_another_program(refused: Callable[..., str], program: str) -> None:
    assert f"PYTHON={program} is not a working Python" in refused(program)


@pytest.mark.parametrize(
    "script",
    [
        'echo "$*"',
        'echo "error: $2"; exit 1',
        'echo "$2" | tail -n 3; exit 1',
        """printf 'oops\n        reason = str(error).split("\n' >&2; exit 1""",
    ],
)
def test_the_question_is_no_reason(refused: Callable[..., str], host: Host, script: str) -> None:
    host.add("odd", script)
    assert refused("odd") == "in-host: PYTHON=odd is not a working Python"


def test_an_error_that_quotes_the_question_is_no_answer(
    refused: Callable[..., str], host: Host
) -> None:
    host.add("odd", """echo 'odd: near "problem: is": failed' >&2; exit 1""")
    said = '(odd: near "problem: is": failed)'
    assert refused("odd") == f"in-host: PYTHON=odd is not a working Python {said}"


def test_a_name_that_looks_like_an_option(refused: Callable[..., str]) -> None:
    assert refused("-c") == "in-host: PYTHON=-c does not exist"


def test_one_that_never_answers(refused: Callable[..., str], host: Host) -> None:
    host.add("odd", "sleep 20")
    host.environment["HOST_DEADLINE_SEC"] = "1"
    assert refused("odd") == "in-host: PYTHON=odd gives no answer in 1 s"


def test_one_without_the_module_that_runs(refused: Callable[..., str]) -> None:
    said = refused(sys.executable, ("python", "-m", "nosuchmodule"))
    assert said.endswith("cannot import nosuchmodule (No module named 'nosuchmodule')")


def test_a_home_in_the_environment_that_is_not_its_own(
    refused: Callable[..., str], host: Host
) -> None:
    host.environment["PYTHONHOME"] = "/nowhere"
    said = refused(sys.executable)
    assert "No module named 'encodings'; PYTHONHOME=/nowhere is set" in said


def test_a_variable_that_python_does_not_accept(refused: Callable[..., str], host: Host) -> None:
    host.environment["PYTHONHASHSEED"] = "never"
    assert "working Python (Fatal Python error: " in refused(sys.executable)


def test_one_that_works_gets_the_command(host: Host) -> None:
    host.environment["PYTHON"] = sys.executable
    result = host.run("docker/host/in-host", "cpu", *RUN)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("workload ")


@pytest.mark.parametrize("name", SHADOWS)
def test_make_doctor_imports_all_packages(name: str, host: Host, tmp_path: Path) -> None:
    file = tmp_path / f"{name}.py"
    file.write_text("")
    host.environment |= {"PYTHON": sys.executable, "PYTHONPATH": str(tmp_path)}
    script = '. docker/host/interpreter; interpreter_problem $needed_modules || echo "none"'
    result = host.run("sh", "-c", script)
    assert SHADOWS[name].format(file=file) in result.stdout
    assert (result.stdout.count("\n"), result.stderr) == (1, "")


def test_make_doctor_asks_for_every_package_of_the_project() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    packages = {re.split(r"[>=]", line)[0] for line in project["dependencies"]}
    text = (CHECKOUT / "docker/host/interpreter").read_text()
    modules = re.findall(r"^needed_modules='(.+)'", text, re.MULTILINE)[0].split()
    assert {module.split(".")[0] for module in modules} == packages - {"nvidia-ml-py"}
