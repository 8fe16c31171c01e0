"""`.ci/run` fails at the first failing step, after the steps that run concurrently."""

import os
import shutil
import subprocess
import time
from itertools import groupby
from pathlib import Path

import pytest
from support.fakes.host import CHECKOUT, Host

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
        "test-engine --others",
        "test-registry --push-gpu",
        "make audit",
        "in-docker cpu-test",
    ),
    "arm64": ("provision-arm64", "build gpu", "test-arm64", "test-registry --platforms"),
}

# Branches that run concurrently, each in its order: if one fails, the others run to their end.
CONCURRENT = (
    (("make lint",), ("build cpu", "build cpu-test")),
    (
        (
            "make cpu-run ENGINE=docker ARGS=--budget 10",
            "docker compose run --rm cpu workload run --device cpu --budget 5",
            "make cpu-run ENGINE=host ARGS=--budget 5",
        ),
        ("make gpu-proof ENGINE=docker BUDGET=600 ARGS=--smoke --device cpu",),
        ("make cpu-bench ENGINE=docker ARGS=--case-budget 0.2",),
    ),
    (("test-cluster",), ("test-pods",)),
    (("build cpu-devel", "test-devel cpu", "build gpu-devel", "test-devel gpu"), ("test-engine",)),
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


def group_of(call: str) -> int | None:
    """Return the number of the group that runs concurrently with this call."""
    commands = [{one for branch in group for one in branch} for group in CONCURRENT]
    return next((n for n, group in enumerate(commands) if command_of(call) in group), None)


def in_order(calls: list[str]) -> list[str]:
    """Return the calls, concurrent ones sorted by name."""
    groups = (list(same) for _, same in groupby(calls, group_of))
    return [
        call
        for group in groups
        for call in (group if group_of(group[0]) is None else sorted(group))
    ]


def expected_until(call: str, calls: list[str]) -> list[str]:
    """Return what is called if this call fails."""
    number = group_of(call)
    if number is None:
        return calls[: calls.index(call) + 1]
    first = next(n for n, one in enumerate(calls) if group_of(one) == number)
    made = {
        one
        for branch in CONCURRENT[number]
        for index, one in enumerate(branch)
        if command_of(call) not in branch[:index]
    }
    group = calls[first : first + sum(map(len, CONCURRENT[number]))]
    return [*calls[:first], *(one for one in group if command_of(one) in made)]


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
        expected += in_order(calls_of(host)[3:])
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
        assert in_order(calls_of(host)) == expected_until(call, calls)
        assert "=====" not in result.stdout


def test_a_signal_ends_concurrent_steps_and_shows_their_output(host: Host, script: str) -> None:
    assert run(host, script, "quick").returncode == 0  # the stubs are there
    pid = host.bin.parent / "pid"
    lint = f'[ "$1" = lint ] || exit 0; echo linting; echo $$ >{pid}; exec sleep 60'
    (host.bin / "make").write_text(f"#!/bin/sh\n{lint}\n")
    start_and_end = 'bash "$0" quick & until [ -s "$1" ]; do sleep 0.1; done; kill $!; wait $!'
    ended = host.run("sh", "-c", start_and_end, script, str(pid))
    assert ended.returncode == 143
    assert "linting\n" in ended.stdout
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid.read_text().strip()}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
