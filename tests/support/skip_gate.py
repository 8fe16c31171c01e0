"""Fail a session with a skip that is not on the committed list with its reason."""

import fcntl
from collections.abc import Generator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Skip:
    """One skipped test, or a line of the list: there `test_id` is a glob."""

    test_id: str
    reason: str

    def allows(self, skip: "Skip") -> bool:
        """Whether this line of the list covers `skip`: the id fits and the reason is the same."""
        return fnmatchcase(skip.test_id, self.test_id) and skip.reason == self.reason


def read_allowed(path: Path) -> tuple[Skip, ...]:
    """The lines "test id glob | reason" of `path`; `#` starts a comment line."""
    lines = (line.strip() for line in path.read_text().splitlines())
    return tuple(_parse(line, path) for line in lines if line and not line.startswith("#"))


def _parse(line: str, path: Path) -> Skip:
    test_id, bar, reason = (part.strip() for part in line.partition("|"))
    if not (test_id and bar and reason):
        raise pytest.UsageError(f"{path.name}: not 'test id glob | reason': {line!r}")
    return Skip(test_id, reason)


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    expected_failure = getattr(report, "wasxfail", None)
    if expected_failure is not None:
        return f"xfail: {expected_failure}"
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    return str(report.longrepr)


class SkipGate:
    """A pytest plugin that fails on unlisted skips, and prints the counts at the end.

    `counts` is a file to which the session adds its numbers, so that the last of several
    sessions prints the total of all.
    """

    def __init__(self, allowed: tuple[Skip, ...], counts: Path | None) -> None:
        self.allowed = allowed
        self.counts = counts
        self.skips: list[Skip] = []
        self.passed = 0
        self.failed = 0

    @property
    def refused(self) -> list[Skip]:
        """The skips that no line of the list covers."""
        return [skip for skip in self.skips if not any(line.allows(skip) for line in self.allowed)]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note one phase of one test."""
        if report.skipped:
            self.skips.append(Skip(report.nodeid, _reason(report)))
        elif report.passed and report.when == "call":
            self.passed += 1
        elif report.failed:
            self.failed += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a module that skipped itself while it was collected."""
        if report.skipped:
            self.skips.append(Skip(report.nodeid, _reason(report)))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """Fail the session over an unlisted skip; print the counts under pytest's own summary."""
        if self.refused and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        yield
        for line in self._summary():
            print(line)  # noqa: T201  words of a test session

    def _summary(self) -> list[str]:
        lines = [
            f"NOT ALLOWED to skip {skip.test_id}: {skip.reason} (tests/allowed-skips.txt)"
            for skip in self.refused
        ]
        failed = f", {self.failed} FAILED" if self.failed else ""
        lines.append(f"Tests: {self.passed} passed, {len(self.skips)} skipped{failed}")
        if self.counts is not None:
            passed, skipped = self._add_to_counts(self.counts)
            lines.append(f"Tests so far: {passed} passed, {skipped} skipped")
        return lines

    def _add_to_counts(self, path: Path) -> tuple[int, int]:
        with path.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # two sessions may end at the same time
            file.seek(0)
            earlier = file.read().split() or ["0", "0"]
            total = (int(earlier[0]) + self.passed, int(earlier[1]) + len(self.skips))
            file.truncate(0)
            file.write(f"{total[0]} {total[1]}\n")
        return total


def install(config: pytest.Config, allowed: Path, counts: Path | None) -> None:
    """Load the gate, but not in a worker of pytest-xdist: its reports arrive at the controller."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(SkipGate(read_allowed(allowed), counts))
