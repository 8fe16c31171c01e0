"""The -devel images compile; the runtime images refuse to in one line."""

import json
import re
import shlex
from collections.abc import Callable
from typing import Any

import pytest
from support.containers import Containers
from support.outcome import Outcome

HARDENED: dict[str, Any] = {
    "read_only": True,
    "tmpfs": {"/tmp": "exec"},  # Docker's own default is noexec
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "network_mode": "none",
}
WAYS: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "uid 12345 of its own group": HARDENED | {"user": "12345:12345"},
}
TRAIN = ("workload", "train", "--device", "cpu", "--mode", "compile", "--steps", "20")
COMPILES_SEC = 300  # generous: docker/README.md has what a first compilation takes

COMPILED = """
import torch
def double_sine(x):
    return torch.sin(x) * 2 + x.sum()
x = torch.linspace(-3, 3, 1000)
print(torch.allclose(torch.compile(double_sine)(x), double_sine(x), atol=1e-3))
"""
EXTENSION = """
import torch
from torch.utils.cpp_extension import load_inline
source = "torch::Tensor thrice(torch::Tensor x) { return 3 * x; }"
built = load_inline("thrice", cpp_sources=source, functions=["thrice"])
print(built.thrice(torch.ones(2)).tolist())
"""
# Triton calls this compiler for its launcher, in C against the driver's interface, which it loads
# where there is a driver. For kernels it brings one: see test_loading.py.
LAUNCHER = """
import pathlib, tempfile
import triton.backends.nvidia as nvidia
from triton.runtime.build import _build
here = pathlib.Path(nvidia.__file__).parent
folder = tempfile.mkdtemp()
built = _build("launcher", str(here / "driver.c"), folder, [], [str(here / "include")], [], [])
print(pathlib.Path(built).read_bytes()[:4])
"""


@pytest.fixture
def python(containers: Containers) -> Callable[..., Outcome]:
    """Run a program from a file, as compilers of Python must read its source."""

    def run(program: str, **options: Any) -> Outcome:
        words = f"printf %s {shlex.quote(program)} > /tmp/program.py && python /tmp/program.py"
        command = ("sh", "-c", words)
        return containers.run(*command, timeout_sec=COMPILES_SEC, **options)

    return run


def compiler_finding(ended: Outcome) -> dict[str, Any]:
    """What the doctor says of the compiler."""
    (found,) = (one for one in json.loads(ended.stdout)["findings"] if one["id"] == "compiler")
    return dict(found)


@pytest.mark.only("runtime")
def test_without_a_compiler_the_mode_names_the_image_that_has_one(
    containers: Containers, target: str
) -> None:
    ended = containers.run(*TRAIN)
    assert ended.code == 4
    (line,) = ended.stderr.splitlines()
    assert line.startswith(
        "workload train: mode compile needs g++, which is missing: use the image "
    )
    assert f" workload:{target}-devel " in line


@pytest.mark.only("runtime")
def test_without_a_compiler_the_doctor_names_the_image_that_has_one(
    containers: Containers, target: str
) -> None:
    ended = containers.run("workload", "doctor", "--device", "cpu", "--json")
    found = compiler_finding(ended)
    assert (ended.code, found["state"]) == (0, "not_applicable")
    assert found["found"].endswith(f", but workload:{target}-devel has one")


@pytest.mark.only("devel")
def test_the_doctor_finds_the_compiler(containers: Containers) -> None:
    found = compiler_finding(containers.run("workload", "doctor", "--device", "cpu", "--json"))
    assert (found["state"], found["found"]) == ("pass", "torch.compile finds /usr/bin/g++")


@pytest.mark.only("devel")
@pytest.mark.timeout(COMPILES_SEC)
@pytest.mark.parametrize("way", WAYS)
def test_torch_compiles(way: str, python: Callable[..., Outcome]) -> None:
    ended = python(COMPILED, **WAYS[way])
    assert (ended.code, ended.stdout) == (0, "True\n"), ended.stderr


@pytest.mark.only("devel")
@pytest.mark.timeout(COMPILES_SEC)
def test_the_mode_trains_for_any_uid_of_group_0(containers: Containers) -> None:
    ended = containers.run(*TRAIN, timeout_sec=COMPILES_SEC, user="12345:0", **HARDENED)
    assert ended.code == 0, ended.stderr
    assert re.search(r"float32 compile: 20 steps, .*\sloss \d", ended.stdout, re.DOTALL)


@pytest.mark.only("devel")
def test_where_nothing_that_is_built_may_be_loaded_the_mode_says_so(
    containers: Containers,
) -> None:
    ended = containers.run(*TRAIN, read_only=True, tmpfs={"/tmp": ""})
    assert ended.code == 4
    (line,) = ended.stderr.splitlines()
    assert "is mounted noexec: mount it with exec (docker run --tmpfs /tmp:exec)" in line


@pytest.mark.only("devel")
@pytest.mark.timeout(COMPILES_SEC)
def test_an_extension_in_cpp_is_built_and_runs(python: Callable[..., Outcome]) -> None:
    ended = python(EXTENSION, user="12345:12345", **HARDENED)
    assert (ended.code, ended.stdout) == (0, "[3.0, 3.0]\n"), ended.stderr


@pytest.mark.only("devel")
@pytest.mark.only("gpu")
def test_triton_builds_its_launcher_without_a_gpu(python: Callable[..., Outcome]) -> None:
    ended = python(LAUNCHER, user="12345:12345", **HARDENED)
    assert (ended.code, ended.stdout) == (0, "b'\\x7fELF'\n"), ended.stderr
