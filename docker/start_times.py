"""start_times.py IMAGE...: how long containers take to start, and how large the images are.

Each is started as `make cpu-run` starts it, RUNS times (5), the images in turns, after a start
that does not count: what is measured is a warm disk. A start is timed from the call of `docker
run` to the line that Python prints once it has multiplied with PyTorch; no GPU is asked for.
"""

import os
import subprocess
import sys
import time
from statistics import median

from image_history import added_bytes, history

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


def start_sec(image: str, words: tuple[str, ...]) -> float:
    """Seconds until a container's Python prints its line; raises SystemExit if it never does."""
    command = ["docker", "run", "--rm", *HARDENED, image, "python", *words]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout  # noqa: S101  a pipe was asked for
        line = running.stdout.readline()
        seconds = time.perf_counter() - started
    if line != "ready\n":
        raise SystemExit(f"start-times: {image} did not start, exit code {running.returncode}")
    return seconds


def main(images: list[str], runs: int) -> None:
    """Print a row of a table in Markdown for each image."""
    times: dict[tuple[str, str], list[float]] = {}
    for number in range(runs + 1):
        for image in images:
            for name, words in COMMANDS.items():
                seconds = start_sec(image, words)
                if number:
                    times.setdefault((image, name), []).append(seconds)
    print(f"| image | MB without its base | {' s | '.join(COMMANDS)} s |")
    print(f"|{' --- |' * (2 + len(COMMANDS))}")
    for image in images:
        cells = [f"{median(found):.2f}" for (of, _), found in times.items() if of == image]
        megabytes = (added_bytes(history(image)) or 0) / 1e6
        print(f"| {image} | {megabytes:.0f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit(__doc__)
    main(sys.argv[1:], int(os.environ.get("RUNS", "5")))
