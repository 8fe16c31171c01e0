"""Options and hooks of every test session: target, skip gate, repeatable property tests."""

import contextlib
import gc
import os
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path

import pytest
from support import skip_gate, without_xdist

from workload.cli.main import prepare_libraries

pytest_plugins = ["pytester"]  # the skip gate is tested on sessions of its own

# Before anything imports torch, as the command line does: tests were 12 times slower on a busy
# machine of two cores.
prepare_libraries()
# Parallel workers share the cores: one thread each, and each process that a worker starts.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"

# What is imported here and while tests are collected stays: see pytest_collection.
gc.disable()

TESTS = Path(__file__).parent
MEASURING = (TESTS / "gpu", TESTS / "benchmarks")
CLOCK = "clock: measures real time, so it runs alone: deselected in the parallel session"
NEEDS_AN_ENGINE = "needs a container engine: make cpu-test ENGINE=docker"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that the Makefile passes."""
    group = parser.getgroup("workload")
    group.addoption(
        "--target",
        choices=("cpu", "gpu"),
        default=os.environ.get("TARGET", "cpu"),
        help="what is under test; on gpu a missing GPU is a failure (default: $TARGET, else cpu)",
    )
    group.addoption(
        "--no-engine", action="store_true", help="skip tests/image: this run has no engine"
    )
    group.addoption(
        "--counts", type=Path, help="add the counts to this file and print the total so far"
    )
    if find_spec("xdist") is None:  # on a GPU machine without a network
        without_xdist.add_options(group)


def pytest_configure(config: pytest.Config) -> None:
    """Load the skip gate, and keep property tests repeatable and off the disk."""
    config.addinivalue_line("markers", CLOCK)
    # Files go to the workers in the order of their folders: those of tests/host, which wait, first.
    config.option.loadscopereorder = False
    skip_gate.install(config, TESTS / "allowed-skips.txt", config.getoption("--counts"))
    # A GPU machine without a network may lack hypothesis; only tests that use it need it.
    with contextlib.suppress(ImportError):
        from hypothesis import settings  # noqa: PLC0415  optional, see above

        settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
        # pytest --hypothesis-profile nightly: other examples every time, and many.
        settings.register_profile(
            "nightly", max_examples=20_000, database=None, deadline=None, print_blob=True
        )
        settings.load_profile("repeatable")


@pytest.hookimpl(optionalhook=True)  # xdist may be missing
def pytest_xdist_auto_num_workers() -> int:
    """Return one worker more than the usable CPUs: many tests wait for a process."""
    chosen = os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS")  # xdist's own setting
    return int(chosen) if chosen else len(os.sched_getaffinity(0)) + 1


@pytest.hookimpl(tryfirst=True)  # before pytest deselects by marker
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what measures; skip the image tests in a run that was started without an engine."""
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in MEASURING):
            item.add_marker(pytest.mark.clock)
        if config.getoption("--no-engine") and item.path.is_relative_to(TESTS / "image"):
            item.add_marker(pytest.mark.skip(reason=NEEDS_AN_ENGINE))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let the garbage collector run again afterwards, but not over tests and imported modules.

    This saves each process of pytest about a second.
    """
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def nightly(pytestconfig: pytest.Config) -> bool:
    """Return whether tests repeat more and take larger machines: `--hypothesis-profile nightly`."""
    return bool(pytestconfig.getoption("--hypothesis-profile", None) == "nightly")


@pytest.fixture(scope="session")
def target(pytestconfig: pytest.Config) -> str:
    """The target under test: "cpu" or "gpu"."""
    return str(pytestconfig.getoption("--target"))


@pytest.fixture(scope="session")
def device(target: str) -> str:
    """The workload's `--device` of the target: "cpu" or "cuda"."""
    return {"cpu": "cpu", "gpu": "cuda"}[target]
