"""`.ci/run`: the failure of any step is the failure of the script, and ends it there."""

import shutil
from pathlib import Path

import pytest
from support.fakes.host import CHECKOUT, Host

# The start of each command line that the script runs, in its order.
STEPS = (
    "provision-engine",
    "make doctor ENGINE=docker",
    "make-bases",
    "make lint",
    "make cpu-test ENGINE=docker",
    "make cpu-run ENGINE=docker",
    "docker compose run",
    "make cpu-run ENGINE=host",
    "make cpu-bench ENGINE=docker",
    "test-cloud",
    "provision-browser",
    "test-page",
    "test-supply",
    "make gpu-image",
    "build gpu-test",
    "test-image gpu",
    "build cpu-devel",
    "build gpu-devel",
    "test-devel cpu",
    "test-devel gpu",
    "test-example",
    "compare-builds cpu",
    "provision-registry",
    "test-registry",
)


@pytest.fixture
def script(host: Host) -> str:
    """A copy of `.ci/run` among stubs of everything that it runs."""
    checkout = host.bin.parent / "checkout"
    (checkout / ".ci").mkdir(parents=True)
    (checkout / "docker").mkdir()
    shutil.copy(CHECKOUT / ".ci/run", checkout / ".ci")
    return str(checkout / ".ci/run")


def stub(host: Host, script: str, failing: str = "none") -> None:
    """Stub every command; the one whose command line starts with `failing` exits 7."""
    root = Path(script).parents[1]
    for path in (
        root / ".ci/provision-engine",
        root / ".ci/make-bases",
        root / ".ci/provision-browser",
        root / ".ci/provision-registry",
        root / "docker/build",
        root / "docker/compare-builds",
        root / "docker/test-registry",
        root / "docker/test-cloud",
        root / "docker/test-page",
        root / "docker/test-supply",
        root / "docker/test-image",
        root / "docker/test-devel",
        root / "docker/test-example",
        host.bin / "make",
        host.bin / "docker",
    ):
        path.unlink(missing_ok=True)
        path.write_text(
            f'#!/bin/sh\necho "{path.name} $*" >>{host.calls}\n'
            f'case "{path.name} $*" in "{failing}"*) exit 7 ;; esac\n'
        )
        path.chmod(0o755)


def test_every_step_runs_in_order(host: Host, script: str) -> None:
    stub(host, script)
    result = host.run("bash", script)
    assert result.returncode == 0
    assert [step for step in STEPS for call in host.called if call.startswith(step)] == list(STEPS)
    assert len(host.called) == len(STEPS)


@pytest.mark.parametrize("step", STEPS)
def test_a_failing_step_fails_the_script_and_ends_it(host: Host, script: str, step: str) -> None:
    stub(host, script, failing=step)
    result = host.run("bash", script)
    assert result.returncode == 7
    assert host.called[-1].startswith(step)
