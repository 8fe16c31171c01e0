"""docker/host/make-venv: which interpreter it takes, and when it makes the environment again."""

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
    for script in ("make-venv", "checks", "exit-codes"):
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


def made(host: Host) -> int:
    """How often an environment was made."""
    return sum("-m venv" in call for call in host.called)


@pytest.mark.parametrize("version", ["3.10", "3.13", "2.7"])
def test_a_python_that_the_lock_does_not_know_is_one_line(
    host: Host, checkout: Path, pip: Path, version: str
) -> None:
    result = with_python(host, pip, version).run(f"{checkout}/docker/host/make-venv", "cpu")
    assert result.returncode == 4
    assert result.stderr.startswith("make-venv: the cpu lock is for Python 3.11 or 3.12 and none")
    assert result.stderr.count("\n") == 1


def test_an_older_python_beside_python3_is_taken(host: Host, checkout: Path, pip: Path) -> None:
    with_python(host, pip, "3.14")
    with_python(host, pip, "3.12", "python3.12")
    assert host.run(f"{checkout}/docker/host/make-venv", "cpu").returncode == 0
    assert "python3.12 -m venv .venv" in host.called


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


def test_a_failed_install_is_tried_again(host: Host, checkout: Path, pip: Path) -> None:
    pip.write_text("#!/bin/sh\nexit 1\n")
    with_python(host, pip, "3.11")
    for _ in range(2):
        assert host.run(f"{checkout}/docker/host/make-venv", "cpu").returncode == 1
    assert made(host) == 2


def test_a_given_interpreter_needs_no_environment(host: Host, checkout: Path) -> None:
    host.add("python3")
    host.environment["PYTHON"] = "python3"
    assert host.run(f"{checkout}/docker/host/make-venv", "gpu").returncode == 0
    assert host.called == []


def test_an_interpreter_that_is_not_there_is_one_line(host: Host, checkout: Path) -> None:
    host.environment["PYTHON"] = "/no/such"
    result = host.run(f"{checkout}/docker/host/make-venv", "cpu")
    assert result.returncode == 4
    assert result.stderr == (
        "make-venv: PYTHON=/no/such does not exist; "
        "set PYTHON= to an interpreter with PyTorch, or omit it\n"
    )
