"""Programs that the tests of ranks start with this Python."""

import os
import subprocess
import sys
from pathlib import Path


def start(*words: object, **variables: str | None) -> subprocess.Popen[str]:
    """Start Python with these words; None drops a variable of the environment."""
    environment = {**os.environ, **variables}
    return subprocess.Popen(
        (sys.executable, *map(str, words)),
        env={name: value for name, value in environment.items() if value is not None},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(process: subprocess.Popen[str], limit_sec: float) -> tuple[int, str, str]:
    """Wait for its end; return its exit code and what it printed on stdout and stderr."""
    out, errors = process.communicate(timeout=limit_sec)
    return process.returncode, out, errors


def ranks_of(parent: int) -> list[int]:
    """The processes that `parent` started."""
    tasks = Path(f"/proc/{parent}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]
