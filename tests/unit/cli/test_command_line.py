"""The console script itself: quick, torch-free where it can be, honest about bugs."""

import subprocess
import sys
from collections.abc import Callable

import pytest
from support.outcome import Outcome

from workload.cli import main
from workload.core.errors import ExitCode

TORCH_FREE = ["import workload", "import workload.cli.main", "import workload.cli.arguments"]


def python(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("statement", TORCH_FREE)
def test_importing_the_package_does_not_import_torch(statement: str) -> None:
    assert python(f"{statement}; import sys; assert 'torch' not in sys.modules").returncode == 0


def test_help_imports_neither_torch_nor_rich() -> None:
    code = (
        "import sys; from workload.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'rich', 'msgspec'} & set(sys.modules)"
    )
    assert python(code).returncode == 0


@pytest.mark.parametrize(
    "command", ["run", "doctor", "verify", "train", "matmul", "compare", "report"]
)
def test_every_command_has_help(command: str, workload: Callable[..., Outcome]) -> None:
    outcome = workload(command, "--help")
    assert outcome.code == ExitCode.OK
    assert outcome.stdout.startswith(f"usage: workload {command}")


def test_the_module_and_the_script_are_the_same() -> None:
    command = [sys.executable, "-m", "workload", "--version"]
    assert subprocess.check_output(command, text=True).startswith("workload ")


def test_a_bug_shows_its_traceback_and_exits_1(
    monkeypatch: pytest.MonkeyPatch, workload: Callable[..., Outcome]
) -> None:
    def broken(_session: object) -> ExitCode:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(main, "load", lambda _options: broken)
    outcome = workload("verify")
    assert outcome.code == ExitCode.BUG
    assert "unexpected error, please report it with the lines above: ZeroDivisionError" in (
        outcome.stderr
    )
    assert "Traceback" in outcome.stderr


def test_a_missing_library_is_an_unfit_environment(
    monkeypatch: pytest.MonkeyPatch, workload: Callable[..., Outcome]
) -> None:
    def missing(_options: object) -> None:
        raise ImportError("libcudnn.so.9: cannot open shared object file\nmore")

    monkeypatch.setattr(main, "load", missing)
    outcome = workload("verify")
    assert outcome.code == ExitCode.UNFIT
    assert "cannot be imported (libcudnn.so.9: cannot open shared object file)" in outcome.stderr
    assert outcome.stderr.count("\n") == 1


def test_a_missing_msgspec_is_an_unfit_environment_in_one_line() -> None:
    block = "import sys; sys.modules['msgspec'] = None; sys.argv = ['workload', 'doctor']"
    outcome = python(f"{block}; from workload.cli.main import main; sys.exit(main())")
    assert outcome.returncode == ExitCode.UNFIT
    (line,) = outcome.stderr.splitlines()
    assert line.startswith("workload doctor: a library cannot be imported (")
    assert line.endswith("install from docker/locks, or run inside the image")


@pytest.mark.parametrize("error", [SystemExit(0), ValueError("numpy.dtype size changed")])
def test_a_library_that_breaks_at_its_import_is_an_unfit_environment(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, workload: Callable[..., Outcome]
) -> None:
    def broken(_options: object) -> None:
        raise error

    monkeypatch.setattr(main, "load", broken)
    outcome = workload("verify")
    assert outcome.code == ExitCode.UNFIT
    assert f"a library cannot be imported ({error})" in outcome.stderr
    assert outcome.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "argv",
    [
        ("report", ""),
        ("report", "x", "--output", ""),
        ("compare", "", "x"),
        ("train", "--checkpoint", ""),
    ],
)
def test_an_empty_path_is_refused(argv: tuple[str, ...], workload: Callable[..., Outcome]) -> None:
    outcome = workload(*argv)
    assert outcome.code == ExitCode.BAD_INPUT
    assert "an empty path: name a file or a folder" in outcome.stderr
