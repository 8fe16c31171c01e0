"""Every shared library of the image still loads: no cut took what another needs."""

import re

import pytest
from tracked import Containers

LOAD = """
import ctypes, sys, warnings
warnings.simplefilter("ignore")
import torch
from pathlib import Path
site = Path(torch.__file__).parents[1]
libraries = sorted(path for path in site.rglob("*.so*") if path.is_file())
for path in libraries:
    try:
        ctypes.CDLL(str(path))
    except OSError as error:
        print("failed", path.relative_to(site), error, sep="\\t")
print(len(libraries), "libraries")
"""
# The driver comes with the host; its lack is the only reason, and no cut can be to blame.
DRIVER = re.compile(r"lib(cuda|nvidia-ml)\.so\.1: cannot open shared object file")


def failures(containers: Containers) -> tuple[int, list[list[str]]]:
    """How many libraries there are, and of each that does not load its path and the reason."""
    ended = containers.run("python", "-c", LOAD, timeout_sec=120)
    assert ended.code == 0, ended.stderr
    *lines, last = ended.stdout.splitlines()
    return int(last.split()[0]), [line.split("\t")[1:] for line in lines]


@pytest.mark.timeout(150)
def test_every_library_loads_but_for_a_driver_that_only_a_host_has(
    containers: Containers, target: str
) -> None:
    count, failed = failures(containers)
    assert count > {"cpu": 10, "gpu": 60}[target]
    assert [words for words in failed if not DRIVER.search(words[1])] == []
