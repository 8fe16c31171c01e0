"""Commands on several ranks, with real processes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.ranks.ended import Ended
from support.ranks.planted import alone as program

PLANTED = Path(program.__file__)
LIMIT_SEC = 200  # on a busy machine


@pytest.fixture
def planted(tmp_path: Path) -> Callable[..., Ended]:
    """Run a command with a fault in a rank: `planted("dies 1", "run", "--ranks", "2")`."""

    def call(plant: str, *words: str) -> Ended:
        ended = subprocess.run(
            [sys.executable, str(PLANTED), *words, "--device", "cpu", "--output", str(tmp_path)],
            env={**os.environ, "PLANT": plant, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=LIMIT_SEC,
            check=False,
        )
        assert "Traceback" not in ended.stderr, ended.stderr
        (path,) = tmp_path.iterdir()  # no journal is left
        return Ended(ended.returncode, ended.stdout, ended.stderr, json.loads(path.read_text()))

    return call
