#!/usr/bin/env python3
"""Hold apt's locks as the first boot's own updates do: each for a while, one after another."""

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
HELD_SEC = 16


def hold(path: str) -> int:
    """Take a lock; a descriptor that holds it."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
    fcntl.lockf(descriptor, fcntl.LOCK_EX)
    return descriptor


for number, path in enumerate(LOCKS):
    if number == 0:
        reader, writer = os.pipe()
        if os.fork() > 0:  # the unit has started once the first is held
            os.read(reader, 1)
            break
    held = hold(path)
    if number == 0:
        os.write(writer, b".")
    time.sleep(HELD_SEC)
    os.close(held)
