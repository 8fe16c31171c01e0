"""docker/host/make-venv: which interpreter it takes, and when it makes the environment again."""

import os
import shutil
from pathlib import Path

import pytest
from support.fakes.host import CHECKOUT, Host

# `-m venv DIR` makes an environment whose python is another stub.
PYTHON = """
case "$*" in
  *version_info*) echo {version} ;;
  "-m venv "*) mkdir -p "$3/bin" && cat "{pip}" >"$3/bin/python" && chmod +x "$3/bin/python" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the script and short lock files."""
    locks = tmp_path / "checkout/docker/locks"
    locks.mkdir(parents=True)
    for name in ("cpu", "gpu", "test", "build", "lint", "page", "supply"):
        (locks / f"{name}.txt").write_text(f"{name}-tool==1 \\\n    --hash=sha256:00\n")
    (locks / "cpu.txt").write_text(
        "rich==1 \\\n    --hash=sha256:00\ntorch==2+cpu \\\n    --hash=sha256:11\nsympy==1\n"
    )
    (locks.parent / "host").mkdir()
    scripts = "make-venv venv-lock folders checks exit-codes in-host"
    for script in scripts.split():
        shutil.copy(CHECKOUT / "docker/host" / script, locks.parent / "host")
    return locks.parents[1]


@pytest.fixture
def pip(host: Host) -> Path:
    """The stub that stands for the environment's python: notes its arguments and its stdin."""
    path = host.bin.parent / "pip"
    path.write_text(
        f'#!/bin/sh\necho "pip $*" >>{host.calls}\n'
        f'case "$*" in *stdin*) cat >>{host.calls} ;; esac\n'
    )
    return path


def with_python(host: Host, pip: Path, version: str, command: str = "python3") -> Host:
    """Install an interpreter of the given version."""
    host.add(command, PYTHON.format(version=version, pip=pip))
    return host


@pytest.mark.parametrize("name", ["cpu", "lint"])
def test_a_closed_stderr_stops_nothing(host: Host, checkout: Path, pip: Path, name: str) -> None:
    machine = with_python(host, pip, "3.11")
    result = machine.run("sh", "-c", f"{checkout}/docker/host/make-venv {name} 2>&-")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{checkout}/.venvs/{name}-")


def made(host: Host) -> int:
    """How often an environment was made."""
    return sum("-m venv" in call for call in host.called)


@pytest.mark.parametrize("version", ["3.10", "3.13", "2.7"])
def test_a_python_that_the_lock_does_not_know_is_one_line(
    host: Host, checkout: Path, pip: Path, version: str
) -> None:
    result = with_python(host, pip, version).run(f"{checkout}/docker/host/make-venv", "cpu")
    assert result.returncode == 4
    assert result.stderr.startswith(
        "make-venv: the cpu lock is for Python 3.11 or 3.12 with ensurepip"
    )
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("script", ["make-venv cpu", "doctor host"])
def test_a_home_that_may_keep_python_from_starting_is_named(host: Host, script: str) -> None:
    host.add("python3", '[ -z "${PYTHONHOME:-}" ] || exit 1; echo 3.11')
    host.environment["PYTHONHOME"] = "wrong"
    result = host.run(*f"docker/host/{script}".split())
    assert result.returncode == 4
    said = " ".join((result.stdout + result.stderr).split())
    assert " (PYTHONHOME=wrong is set)" in said


def test_an_older_python_beside_python3_is_taken(host: Host, checkout: Path, pip: Path) -> None:
    with_python(host, pip, "3.14")
    with_python(host, pip, "3.12", "python3.12")
    assert host.run(f"{checkout}/docker/host/make-venv", "cpu").returncode == 0
    assert any(call.startswith("python3.12 -m venv .venvs/cpu-") for call in host.called)


def test_everything_is_installed_by_hash(host: Host, checkout: Path, pip: Path) -> None:
    with_python(host, pip, "3.11").run(f"{checkout}/docker/host/make-venv", "cpu")
    installs = [call for call in host.called if "pip install" in call]
    assert len(installs) == 3
    assert all("--require-hashes" in call for call in installs[:2])
    assert "--no-index" in installs[2]


def test_only_torch_is_asked_of_its_own_index(host: Host, checkout: Path, pip: Path) -> None:
    host.environment["TORCH_CPU_INDEX"] = "https://torch.example.com"
    with_python(host, pip, "3.11").run(f"{checkout}/docker/host/make-venv", "cpu")
    (at,) = [i for i, call in enumerate(host.called) if "torch.example.com" in call]
    assert host.called[at + 1 : at + 3] == ["torch==2+cpu \\", "    --hash=sha256:11"]
    assert "sympy" not in " ".join(host.called)


def test_the_environment_is_made_once(host: Host, checkout: Path, pip: Path) -> None:
    with_python(host, pip, "3.11")
    for _ in range(2):
        assert host.run(f"{checkout}/docker/host/make-venv", "cpu").returncode == 0
    assert made(host) == 1


def test_a_changed_lock_makes_it_again(host: Host, checkout: Path, pip: Path) -> None:
    with_python(host, pip, "3.11").run(f"{checkout}/docker/host/make-venv", "cpu")
    (checkout / "docker/locks/test.txt").write_text("pytest==2\n")
    host.run(f"{checkout}/docker/host/make-venv", "cpu")
    assert made(host) == 2


def test_a_failed_install_is_one_line_after_pips_and_is_tried_again(
    host: Host, checkout: Path, pip: Path
) -> None:
    pip.write_text("#!/bin/sh\necho 'ERROR: No space left on device' >&2\nexit 1\n")
    with_python(host, pip, "3.11")
    for _ in range(2):
        result = host.run(f"{checkout}/docker/host/make-venv", "cpu")
        assert (result.returncode, result.stdout) == (4, "")
        _, pips, line = result.stderr.splitlines()
        assert pips == "ERROR: No space left on device"
        assert line.startswith("make-venv: .venv could not be made: free space (")
    assert made(host) == 2
    assert list((checkout / ".venvs").iterdir()) == []


def test_an_environment_whose_python_is_gone_is_made_again(
    host: Host, checkout: Path, pip: Path
) -> None:
    with_python(host, pip, "3.11").run(f"{checkout}/docker/host/make-venv", "cpu")
    (checkout / ".venv/bin/python").unlink()
    assert host.run(f"{checkout}/docker/host/make-venv", "cpu").returncode == 0
    assert made(host) == 2


def test_a_checkout_seen_under_two_paths_has_an_environment_for_each(
    host: Host, checkout: Path, pip: Path
) -> None:
    with_python(host, pip, "3.11")
    places = checkout, checkout.with_name("elsewhere")
    for here, there in (places, places[::-1]) * 2:
        assert host.run(f"{here}/docker/host/make-venv", "cpu").returncode == 0
        here.rename(there)
    assert made(host) == 2


def test_only_the_folder_is_on_stdout_and_the_link_names_it(
    host: Host, checkout: Path, pip: Path
) -> None:
    pip.write_text("#!/bin/sh\necho WARNING\n")
    result = with_python(host, pip, "3.11").run(f"{checkout}/docker/host/make-venv", "cpu")
    assert result.stdout == f"{(checkout / '.venv').resolve()}\n"
    assert os.readlink(checkout / ".venv").startswith(".venvs/cpu-")


def test_a_venv_of_the_users_own_stays(host: Host, checkout: Path, pip: Path) -> None:
    (checkout / ".venv/bin").mkdir(parents=True)
    with_python(host, pip, "3.11")
    first, second = (host.run(f"{checkout}/docker/host/make-venv", "cpu") for _ in range(2))
    assert "NOTICE: .venv is yours and stays as it is; the environment is .venvs/" in first.stderr
    assert (second.stderr, made(host)) == ("", 1)
    assert not (checkout / ".venv").is_symlink()


def test_a_link_of_the_users_own_stays(host: Host, checkout: Path, pip: Path) -> None:
    (checkout / ".venv").symlink_to("/no/such")
    with_python(host, pip, "3.11").run(f"{checkout}/docker/host/make-venv", "cpu")
    assert os.readlink(checkout / ".venv") == "/no/such"


def test_what_was_not_used_for_a_week_is_removed_when_another_is_made(
    host: Host, checkout: Path, pip: Path
) -> None:
    with_python(host, pip, "3.11")
    folders = []
    for number in range(3):
        (checkout / "docker/locks/test.txt").write_text(f"pytest=={number}\n")
        folders.append(Path(host.run(f"{checkout}/docker/host/make-venv", "cpu").stdout.strip()))
        if number == 1:
            os.utime(folders[0], (0, 0))
    assert [folder.exists() for folder in folders] == [False, True, True]


def test_a_folder_that_cannot_be_written_is_one_line(host: Host, checkout: Path, pip: Path) -> None:
    host.add("mktemp", "echo 'mktemp: failed to create file: Read-only file system' >&2; exit 1")
    result = with_python(host, pip, "3.11").run(f"{checkout}/docker/host/make-venv", "cpu")
    assert result.returncode == 4
    assert result.stderr == (
        "make-venv: .venvs cannot be written (Read-only file system): mount it writable, or use a "
        "copy of this checkout, or set PYTHON= to an interpreter that has the packages\n"
    )


def test_a_path_with_a_colon_is_one_line(host: Host, checkout: Path, pip: Path) -> None:
    there = checkout.rename(checkout.with_name("a:b"))
    result = with_python(host, pip, "3.11").run(f"{there}/docker/host/make-venv", "cpu")
    assert (result.returncode, result.stdout) == (4, "")
    assert result.stderr == (
        "make-venv: the path of this checkout has a colon, which PATH cannot hold: move it, "
        "or use ENGINE=docker\n"
    )


def test_a_command_runs_in_the_folder_whatever_the_link_names(
    host: Host, checkout: Path, pip: Path
) -> None:
    with_python(host, pip, "3.11").run(f"{checkout}/docker/host/make-venv", "cpu")
    folder = (checkout / ".venv").resolve()
    (checkout / ".venv").unlink()
    (checkout / ".venv").symlink_to("elsewhere")
    result = host.run(f"{checkout}/docker/host/in-host", "cpu", "sh", "-c", "echo $PATH")
    assert result.stdout.startswith(f"{folder}/bin:")


def test_a_given_interpreter_needs_no_environment(host: Host, checkout: Path) -> None:
    host.add("python3")
    host.environment["PYTHON"] = "python3"
    assert host.run(f"{checkout}/docker/host/make-venv", "gpu").returncode == 0
    assert host.called == []
