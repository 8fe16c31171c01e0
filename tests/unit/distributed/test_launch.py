"""Ranks that cannot be started at all."""

import errno
import logging
import os

import pytest

from workload.core.errors import UnfitError
from workload.distributed import launch as launching
from workload.distributed.launch import Launch, launch


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (
            errno.EAGAIN,
            "(Resource temporarily unavailable): allow more processes and threads: --pids-limit or "
            "ulimit -u",
        ),
        (errno.ENOSPC, "(No space left on device): check TMPDIR and its free space"),
    ],
)
def test_a_limit_of_the_system_is_told_with_its_fix(
    number: int, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(logging, "disable", lambda _level: None)
    monkeypatch.setattr(launching, "_run_agent", fail)
    with pytest.raises(UnfitError) as raised:
        launch((), Launch(2, rendezvous="a:1"))
    assert str(raised.value) == f"the ranks could not be started {line}"
