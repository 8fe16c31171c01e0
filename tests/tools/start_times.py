#!/usr/bin/env python3
"""Time from `docker run` to a PyTorch that answers, for each image, in Markdown.

    tests/tools/start_times.py --runs 5 workload:cpu workload:gpu

Each image is started once without being timed, so that the disk is warm; then the images take
turns. The time ends with a line that Python prints after a first matmul; no GPU is requested. Exit
code 4: an image does not start.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from statistics import median
from threading import Timer
from uuid import uuid4

LIMIT_SEC = 600.0  # of one start; the first may pull the image
OPTIONS = (  # as in docker/host/in-docker
    *("--read-only", "--tmpfs", "/tmp", "--shm-size", "1g"),  # noqa: S108  the container's
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    *("--env", "NVIDIA_VISIBLE_DEVICES=void"),
)
TORCH = "import torch; torch.ones(2, 2) @ torch.ones(2, 2); print('ready')"
PROGRAMS = {"Python alone": "print('ready')", "PyTorch": TORCH}


def start_sec(image: str, program: str, limit_sec: float = LIMIT_SEC) -> float:
    """Time one start; raises SystemExit if the program never prints its line."""
    name = f"start-times-{uuid4()}"
    command = ["docker", "run", "--rm", "--name", name, *OPTIONS, image, "python", "-c", program]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        limit = Timer(limit_sec, running.kill)
        limit.start()
        assert running.stdout  # requested above
        line = running.stdout.readline()
        seconds = time.perf_counter() - started
        running.wait()
        limit.cancel()
    if line == "ready\n" and not running.returncode:
        return seconds
    # The limit kills the client alone.
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(
            ["docker", "rm", "--force", name], capture_output=True, check=False, timeout=60
        )
    print(f"start-times: {image} does not start, exit code {running.returncode}", file=sys.stderr)
    raise SystemExit(4)


def table(images: Sequence[str], runs: int) -> str:
    """Start every image and program in turns; the medians."""
    times = {(image, name): list[float]() for image in images for name in PROGRAMS}
    for _ in range(runs + 1):
        for (image, name), taken in times.items():
            taken.append(start_sec(image, PROGRAMS[name]))
    rows = [["image", *(f"{name}, s" for name in PROGRAMS)], ["---"] * (1 + len(PROGRAMS))]
    rows += [
        [image, *(f"{median(times[image, name][1:]):.2f}" for name in PROGRAMS)] for image in images
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("images", nargs="+", metavar="IMAGE")
    parser.add_argument("--runs", type=int, choices=range(1, 1000), default=5, metavar="1..999")
    arguments = parser.parse_args()
    print(table(arguments.images, arguments.runs))


if __name__ == "__main__":
    main()
