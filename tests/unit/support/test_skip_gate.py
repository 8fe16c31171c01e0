"""The skip gate, exercised on sessions of its own (pytester)."""

from pathlib import Path

import pytest
from support.skip_gate import Skip, read_allowed

GATE = Path(__file__).parents[2]
ALLOWED = "test_*.py* | no such device here\n"


@pytest.fixture
def session(pytester: pytest.Pytester) -> pytest.Pytester:
    """A throwaway project with the gate loaded and one allowed reason."""
    pytester.makefile(".txt", **{"allowed": ALLOWED})
    pytester.makeconftest(
        f"""
        import sys
        from pathlib import Path
        sys.path.insert(0, {str(GATE)!r})
        from support import skip_gate

        def pytest_configure(config):
            here = Path({str(pytester.path)!r})
            skip_gate.install(config, here / "allowed.txt", here / "counts")
        """
    )
    return pytester


def skipping(reason: str) -> str:
    """A module with one passing test and one that skips itself."""
    return f"""
        import pytest
        def test_passes(): pass
        def test_skips(): pytest.skip({reason!r})
    """


def test_an_allowed_skip_passes_and_is_counted(session: pytest.Pytester) -> None:
    session.makepyfile(skipping("no such device here"))
    result = session.runpytest_inprocess()
    assert result.ret == 0
    result.stdout.fnmatch_lines(["Tests: 1 passed, 1 skipped"])


def test_a_skip_for_an_unlisted_reason_fails_the_session(session: pytest.Pytester) -> None:
    session.makepyfile(skipping("not today"))
    result = session.runpytest_inprocess()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["NOT ALLOWED to skip *::test_skips: not today*"])


def test_a_module_that_skips_itself_needs_a_listed_reason(session: pytest.Pytester) -> None:
    session.makepyfile("import pytest\npytest.importorskip('no_such_module_at_all')")
    session.makepyfile(test_other="def test_passes(): pass")
    result = session.runpytest_inprocess()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["NOT ALLOWED to skip *no_such_module_at_all*"])


def test_an_expected_failure_needs_a_listed_reason(session: pytest.Pytester) -> None:
    session.makepyfile(
        """
        import pytest
        @pytest.mark.xfail(reason="known")
        def test_fails(): assert False
        def test_passes(): pass
        """
    )
    result = session.runpytest_inprocess()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["NOT ALLOWED to skip *::test_fails: xfail: known*"])


def test_a_failing_session_keeps_its_status(session: pytest.Pytester) -> None:
    session.makepyfile("def test_fails(): assert False")
    assert session.runpytest_inprocess().ret == 1


def test_a_second_session_prints_the_total_of_both(session: pytest.Pytester) -> None:
    session.makepyfile(skipping("no such device here"))
    session.runpytest_inprocess()
    result = session.runpytest_inprocess()
    result.stdout.fnmatch_lines(["Tests so far: 2 passed, 2 skipped"])


def test_the_skips_of_parallel_workers_are_counted_once(session: pytest.Pytester) -> None:
    session.makepyfile(skipping("no such device here"))
    session.makepyfile(test_other="import pytest\npytest.skip(allow_module_level=True)")
    (session.path / "allowed.txt").write_text(f"{ALLOWED}test_other.py | Skipped\n")
    result = session.runpytest_inprocess("--numprocesses", "2")
    assert result.stdout.str().count("Tests so far: 1 passed, 2 skipped") == 1


def test_a_skip_in_a_parallel_worker_needs_a_listed_reason(session: pytest.Pytester) -> None:
    session.makepyfile(skipping("not today"))
    result = session.runpytest_inprocess("--numprocesses", "2")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["NOT ALLOWED to skip *::test_skips: not today*"])


def test_a_line_covers_its_own_reason_only() -> None:
    line = Skip("tests/gpu/*", "no GPU")
    assert line.allows(Skip("tests/gpu/test_a.py::test_b", "no GPU"))
    assert not line.allows(Skip("tests/gpu/test_a.py::test_b", "slow"))
    assert not line.allows(Skip("tests/unit/test_a.py::test_b", "no GPU"))


def test_a_line_without_a_reason_is_refused(tmp_path: Path) -> None:
    (tmp_path / "allowed.txt").write_text("tests/gpu/*\n")
    with pytest.raises(pytest.UsageError, match=r"not 'test id glob \| reason'"):
        read_allowed(tmp_path / "allowed.txt")
