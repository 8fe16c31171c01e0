#!/usr/bin/env python3
"""Hold apt's locks as the first boot's own updates do: each until first-boot waits for it."""

import fcntl
import os
import time
from pathlib import Path

LOCKS = (
    "/var/lib/apt/lists/lock",
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/cache/apt/archives/lock",
)
STATUS = Path("/var/lib/workload/status")
HELD_SEC = 120  # at most


def hold(path: str) -> int:
    """Take a lock; a descriptor that holds it."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
    fcntl.lockf(descriptor, fcntl.LOCK_EX)
    return descriptor


def is_waited_for(path: str) -> bool:
    """Whether first-boot's status names the lock."""
    return STATUS.exists() and f" lock {path}. " in STATUS.read_text()


for number, path in enumerate(LOCKS):
    if number == 0:
        reader, writer = os.pipe()
        if os.fork() > 0:  # the unit has started once the first is held
            os.read(reader, 1)
            break
    held = hold(path)
    if number == 0:
        os.write(writer, b".")
    until_sec = time.monotonic() + HELD_SEC
    while not is_waited_for(path) and time.monotonic() < until_sec:
        time.sleep(0.1)
    os.close(held)
