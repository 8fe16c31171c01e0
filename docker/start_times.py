"""docker/start-times IMAGE...: how long containers take to start, and how large the images are.

Each is started RUNS times (5), the images in turns, after a start that does not count: what is
measured is a warm disk. A start is timed from the call of `docker run` to the line that Python
prints once it has multiplied with PyTorch; no GPU is asked for. It is hardened as `make cpu-run`
has it, but without that one's init, user and volume: an image is run as it is. Exit 2: RUNS
cannot be. Exit 4: an image did not start.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from signal import SIGKILL
from statistics import median
from threading import Timer

from image_history import added_bytes, history

LIMIT_SEC = 600.0  # of a start; the first may pull its image
HARDENED = (
    *("--read-only", "--tmpfs", "/tmp", "--shm-size", "1g"),  # noqa: S108  the container's
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    *("--env", "NVIDIA_VISIBLE_DEVICES=void"),
)
READY = "import torch; torch.ones(2, 2) @ torch.ones(2, 2); print('ready')"
COMMANDS = {
    "python alone": ("-c", "print('ready')"),
    "torch ready": ("-W", "ignore", "-c", READY),
}
Times = Mapping[tuple[str, str], Sequence[float]]  # seconds, by image and name of a command


def fail(code: int, words: str) -> SystemExit:
    """One line on stderr, and the exit code of its kind."""
    print(f"start-times: {words}", file=sys.stderr)
    return SystemExit(code)


def start_sec(image: str, words: tuple[str, ...], limit_sec: float = LIMIT_SEC) -> float:
    """Seconds until a container's Python prints its line; raises SystemExit if it never does."""
    name = f"start-times-{os.getpid()}-{time.monotonic_ns()}"
    command = ["docker", "run", "--rm", "--name", name, *HARDENED, image, "python", *words]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        limit = Timer(limit_sec, running.kill)
        limit.start()
        assert running.stdout  # noqa: S101  a pipe was asked for
        line = running.stdout.readline()
        seconds = time.perf_counter() - started
        running.wait()
        limit.cancel()
    if running.returncode == -SIGKILL:  # that was the client; the container may still run
        remove = ["docker", "rm", "--force", name]
        subprocess.run(remove, capture_output=True, check=False, timeout=60)
        raise fail(4, f"{image} was not ready, and ended, within {limit_sec:.0f} s")
    if line != "ready\n":
        raise fail(4, f"{image} did not start, exit code {running.returncode}")
    return seconds


def measured(images: Sequence[str], runs: int) -> Times:
    """Start every image `runs` times, and once before."""
    times: dict[tuple[str, str], list[float]] = {}
    for number in range(runs + 1):
        for image in images:
            for name, words in COMMANDS.items():
                seconds = start_sec(image, words)
                if number:
                    times.setdefault((image, name), []).append(seconds)
    return times


def table(sizes: Mapping[str, int | None], times: Times) -> list[str]:
    """A table in Markdown: of each image its bytes without its base, if known, and its times."""
    head = f"| image | MB without its base | {' s | '.join(COMMANDS)} s |"
    rows = [head, f"|{' --- |' * (2 + len(COMMANDS))}"]
    for image, size in sizes.items():
        megabytes = "unknown" if size is None else f"{size / 1e6:.0f}"
        cells = [f"{median(times[image, name]):.2f}" for name in COMMANDS]
        rows.append(f"| {image} | {megabytes} | {' | '.join(cells)} |")
    return rows


def asked_runs(text: str) -> int:
    """RUNS= as a number; raises SystemExit."""
    if not re.fullmatch("[1-9][0-9]{0,3}", text):
        raise fail(2, f"RUNS={text} is no number of starts: give one from 1 to 9999")
    return int(text)


if __name__ == "__main__":
    if not sys.argv[1:]:
        raise fail(2, "which image? docker/start-times workload:cpu")
    runs, images = asked_runs(os.environ.get("RUNS", "5")), sys.argv[1:]
    if options := [image for image in images if image.startswith("-")]:
        raise fail(2, f"{options[0]} is no image's name")
    times = measured(images, runs)
    sizes = {image: added_bytes(history(image)) for image in images}
    print("\n".join(table(sizes, times)))
