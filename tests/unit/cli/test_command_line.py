"""The console script: quick, without torch where possible, and clear about bugs."""

import ast
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from support.outcome import Outcome

from workload import __main__
from workload.cli import main
from workload.core.errors import ExitCode

TORCH_FREE = ["import workload", "import workload.cli.main", "import workload.cli.arguments"]


def python(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def started_with(path: str, *command: str) -> subprocess.CompletedProcess[str]:
    """The command line with `path` before this checkout on PYTHONPATH."""
    return subprocess.run(
        [sys.executable, "-m", "workload", *command],
        env={**os.environ, "PYTHONPATH": f"{path}:{Path.cwd()}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


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
    "command", ["run", "doctor", "verify", "train", "matmul", "collectives", "compare", "report"]
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
    assert line.endswith("install the packages of docker/locks, or run inside the image")


@pytest.mark.parametrize("content", ["", "raise SystemExit(0)", "raise ValueError('no')"])
@pytest.mark.parametrize("name", ["rich", "msgspec", "torch", "random", "signal", "argparse"])
@pytest.mark.parametrize("command", ["doctor --quick --device cpu", "verify"])
def test_a_file_in_the_place_of_a_library_is_named_in_one_line(
    command: str, name: str, content: str, tmp_path: Path
) -> None:
    file = tmp_path / f"{name}.py"
    file.write_text(content)
    ended = started_with(str(tmp_path), *command.split())
    assert ended.returncode == ExitCode.UNFIT
    (line,) = ended.stderr.splitlines()
    quick_torch = name == "torch" and "quick" in command
    assert ("PyTorch is not installed" if quick_torch else f"rename {file}, which hides") in line


@pytest.mark.parametrize("name", ["msgspec/__init__.py", "msgspec.so", "msgspec.abi3.so"])
def test_a_package_in_the_place_of_a_library_is_named_too(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("raise ValueError('no')")
    closed = tmp_path / "closed"  # a file where a folder is expected
    closed.touch()
    ended = started_with(f"{closed}:{tmp_path}", "verify")
    assert ended.returncode == ExitCode.UNFIT
    (line,) = ended.stderr.splitlines()
    assert (
        f"rename {tmp_path / Path(name).parts[0]}, which hides an installed library of the same "
        "name" in line
    )


def test_a_keyboard_interrupt_while_the_command_line_is_imported_is_quiet(tmp_path: Path) -> None:
    (tmp_path / "argparse.py").write_text("raise KeyboardInterrupt")
    ended = started_with(str(tmp_path), "verify")
    assert (ended.returncode, ended.stderr) == (ExitCode.INTERRUPTED, "")


def test_an_older_python_is_told_so_in_one_line() -> None:
    old = "import sys; sys.version_info = (3, 10, 4)"
    ended = python(f"{old}; from workload.__main__ import main; sys.exit(main())")
    assert ended.returncode == ExitCode.UNFIT
    assert ended.stderr == "workload: this is Python 3.10: use 3.11 or newer\n"


def test_an_older_python_can_read_what_tells_it_so() -> None:
    package = Path(__main__.__file__).parent
    for name in ("__init__.py", "__main__.py"):
        ast.parse((package / name).read_text(), feature_version=(3, 7))


def test_the_oldest_python_is_the_one_that_the_package_declares() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=" + ".".join(map(str, __main__.OLDEST))
    assert (__main__.UNFIT, __main__.INTERRUPTED) == (ExitCode.UNFIT, ExitCode.INTERRUPTED)


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
    assert "the path is empty: choose a file or a folder" in outcome.stderr


@pytest.mark.parametrize(
    ("crash", "name"),
    [
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
        ("import os; os.kill(os.getpid(), 4)", "SIGILL"),
        ("import os; os.abort()", "SIGABRT"),
    ],
)
def test_a_torch_that_crashes_when_it_is_imported_is_exit_4_in_one_line(
    crash: str, name: str, tmp_path: Path
) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch/__init__.py").write_text(crash)
    ended = started_with(str(tmp_path), "verify", "--device", "cpu")
    assert ended.returncode == ExitCode.UNFIT
    assert ended.stderr.startswith(
        f"workload verify: a library crashed with {name} when it was imported, "
    )
    assert ended.stderr.count("\n") == 1


def test_after_the_import_a_crash_ends_the_process_as_before() -> None:
    code = (
        "import os; from workload.cli.exceptions import crash_is_unfit\n"
        "with crash_is_unfit('verify'): pass\n"
        "os.abort()"
    )
    assert python(code).returncode == -6
