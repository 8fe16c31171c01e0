"""`.ci/run` ends with the first failing step, once those that run concurrently have ended."""

import os
import shutil
import subprocess
from itertools import chain
from pathlib import Path

import pytest
from support.fakes.host import CHECKOUT, Host
from support.processes import is_running

LANES = ("quick", "ranks", "gpu-image", "ship")
# What a lane must run, by the start of a command line, in any order.
CHECKS = {
    "quick": (
        "make lint",
        "make cpu-test ENGINE=docker",
        "make cpu-run ENGINE=docker",
        "docker compose run",
        "make cpu-run ENGINE=host",
        "make cpu-bench ENGINE=docker",
        "make gpu-proof ENGINE=docker",
    ),
    "ranks": ("test-ranks", "test-cluster", "test-pods"),
    "gpu-image": (
        "test-image gpu",
        "test-lab",
        "test-engine",
        "test-devel cpu",
        "test-devel gpu",
        "test-example",
    ),
    "ship": ("test-cloud", "test-page", "test-supply", "compare-builds cpu", "test-registry"),
    "nightly": (
        "make cpu-test",
        "test-cluster --slurm",
        "test-lab --hypothesis-profile nightly",
        "test-engine --others",
        "test-registry --push-gpu",
        "make audit",
        "in-docker cpu-test",
    ),
    "arm64": ("provision-arm64", "build gpu", "test-arm64", "test-registry --platforms"),
}

GPU_IMAGES = ("build gpu", "build gpu-test")
Branches = tuple[tuple[str, ...], ...]
# Branches that run concurrently, each in its order: if one fails, the others run to their end.
CONCURRENT: tuple[Branches, ...] = (
    (("make lint",), ("build cpu", "build cpu-test")),
    (
        (
            "make cpu-run ENGINE=docker ARGS=--budget 10",
            "docker compose run --rm cpu workload run --device cpu --budget 5",
            "make cpu-run ENGINE=host ARGS=--budget 5",
        ),
        ("make gpu-proof ENGINE=docker BUDGET=600 ARGS=--smoke --device cpu",),
    ),
    (("test-cluster",), ("test-pods",)),
    (("test-cluster",), ("test-pods",), GPU_IMAGES),  # with gpu-image
    (
        ("build cpu-devel", "test-devel cpu", "build gpu-devel", "test-devel gpu"),
        ("test-engine", "build gpu-lab"),
    ),
    (("test-lab",), ("test-example",)),
    (("compare-builds cpu",), ("test-page", "test-supply"), ("test-registry",)),
)


@pytest.fixture
def script(host: Host) -> str:
    """A copy of `.ci/run` in an empty checkout."""
    checkout = host.bin.parent / "checkout"
    (checkout / "results").mkdir(parents=True)
    (checkout / ".ci").mkdir()
    shutil.copy(CHECKOUT / ".ci/run", checkout / ".ci")
    return str(checkout / ".ci/run")


def scripts() -> list[str]:
    """Every program of this checkout that `.ci/run` could call, by its path."""
    found = [
        path
        for folder in (".ci", "docker", "tests/tools")
        for path in CHECKOUT.glob(f"{folder}/**/*")
    ]
    paths = [path for path in found if path.is_file() and os.access(path, os.X_OK)]
    return [str(path.relative_to(CHECKOUT)) for path in paths if path.name != "run"]


def run(
    host: Host, script: str, *lanes: str, failing: str = "none"
) -> subprocess.CompletedProcess[str]:
    """Run it with stubs of everything it calls; the command line `failing` exits with 7."""
    root = Path(script).parents[1]
    called = [root / path for path in scripts()]
    for path in (*called, host.bin / "make", host.bin / "docker"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(
            f'#!/bin/sh\necho "{path.name} $*" >>{host.calls}\n'
            f'[ "{path.name} $*" != "{failing}" ] || exit 7\n'
            f'case "$*" in *--counts* | cpu-test*) echo 12 3 >{root}/results/.test-counts ;; esac\n'
        )
        path.chmod(0o755)
    return host.run("bash", script, *lanes)


def calls_of(host: Host) -> list[str]:
    """Return the calls since the last time."""
    calls = host.called
    host.calls.unlink()
    return calls


def command_of(call: str) -> str:
    """Return the call without where it counts its tests."""
    return call.partition(" --counts")[0]


def groups_of(calls: list[str]) -> dict[int, tuple[range, Branches]]:
    """Return, for each concurrent call, where its group is among the calls, and its branches."""
    found: dict[int, tuple[range, Branches]] = {}
    for branches in CONCURRENT:
        commands = sorted(chain.from_iterable(branches))
        for first in range(len(calls)):
            place = range(first, first + len(commands))
            if sorted(map(command_of, calls[first : place.stop])) == commands:
                found.update(dict.fromkeys(place, (place, branches)))
    return found


def in_order(calls: list[str]) -> list[str]:
    """Return the calls, those of each concurrent group sorted by name."""
    calls = list(calls)
    for place, _ in groups_of(calls).values():
        calls[place.start : place.stop] = sorted(calls[place.start : place.stop])
    return calls


def expected_until(call: str, calls: list[str]) -> tuple[list[str], list[str]]:
    """Return what is called before the group of this call, and of that group, if the call fails."""
    index = calls.index(call)
    if index not in groups_of(calls):
        return calls[: index + 1], []
    place, branches = groups_of(calls)[index]
    skipped = {
        one
        for branch in branches
        if command_of(call) in branch
        for one in branch[branch.index(command_of(call)) + 1 :]
    }
    group = [calls[n] for n in place if command_of(calls[n]) not in skipped]
    return calls[: place.start], group


@pytest.mark.parametrize("lane", CHECKS)
def test_a_lane_runs_its_checks_after_the_engine_and_bases(
    lane: str, host: Host, script: str
) -> None:
    assert run(host, script, lane).returncode == 0
    before, calls = host.called[:3], host.called[3:]
    assert [call.split()[0] for call in before] == ["provision-engine", "make", "make-bases"]
    for check in CHECKS[lane]:
        assert any(call.startswith(check) for call in calls), check


def test_without_a_name_the_default_lanes_run_in_order(host: Host, script: str) -> None:
    expected: list[str] = []
    for lane in LANES:
        run(host, script, lane)
        calls = calls_of(host)[3:]
        # The next lane's images are built while the last tests of this one wait.
        expected += in_order([*calls, *GPU_IMAGES] if lane == "ranks" else calls)
    assert run(host, script).returncode == 0
    assert in_order(host.called[3:]) == expected


def test_the_end_is_the_counts_of_all_tests(host: Host, script: str) -> None:
    last = run(host, script, "quick").stdout.splitlines()[-1]
    assert last.startswith("===== quick done: 12 passed, 3 skipped in ")


def test_an_unknown_lane_is_refused_before_anything_runs(host: Host, script: str) -> None:
    result = run(host, script, "quick", "slow")
    assert result.returncode == 2
    assert (
        result.stderr
        == "run: no lane is called 'slow': quick, ranks, gpu-image, ship, nightly or arm64\n"
    )
    assert host.called == []


@pytest.mark.parametrize("lane", [(), ("nightly",), ("arm64",)], ids=["all", "nightly", "arm64"])
def test_any_failing_step_ends_the_script_with_its_code(
    lane: tuple[str, ...], host: Host, script: str
) -> None:
    assert run(host, script, *lane).returncode == 0
    calls = in_order(calls_of(host))
    assert len(calls) > 5
    for call in dict.fromkeys(calls):
        result = run(host, script, *lane, failing=call)
        assert result.returncode == 7, call
        before, group = expected_until(call, calls)
        made = in_order(calls_of(host))
        assert made[: len(before)] == before
        assert sorted(made[len(before) :]) == sorted(group)
        assert ("failed, exit 7" in result.stderr) == bool(group)
        assert "=====" not in result.stdout


@pytest.mark.parametrize(("signal", "code"), [("INT", 130), ("TERM", 143)])
def test_a_signal_lets_concurrent_steps_end_and_shows_their_output(
    signal: str, code: int, host: Host, script: str
) -> None:
    assert run(host, script, "quick").returncode == 0  # the stubs are there
    pid = host.bin.parent / "pid"
    step = f"trap 'echo removed; exit 1' INT; echo $$ >{pid}; sleep 30"
    (host.bin / "make").write_text(f'#!/bin/sh\n[ "$1" = lint ] || exit 0; {step}\n')
    # With job control, or SIGINT would be ignored.
    start = 'set -m; bash "$0" quick & until [ -s "$1" ]; do sleep 0.1; done'
    ended = host.run("bash", "-c", f"{start}; kill -{signal} $!; wait $!", script, str(pid))
    assert ended.returncode == code
    assert "removed\n" in ended.stdout
    assert not is_running(int(pid.read_text()))
