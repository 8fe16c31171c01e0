"""What commands and ranks import is compiled in the image; test_hardening.py has the main job."""

from typing import Any

import pytest
from support.containers import Containers
from support.imported_modules import RUN_AND_TELL, require_compiled

RUNTIME = pytest.mark.only("runtime")
COMMANDS = (
    "import torch",
    "doctor",
    "matmul --device cpu --sizes 64 --budget 1; report /tmp/results",
    "train --device cpu --ranks 2 --steps 2",
)
ONE_RANK = {
    "RANK": "0",
    "LOCAL_RANK": "0",
    "WORLD_SIZE": "1",
    "LOCAL_WORLD_SIZE": "1",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "29500",
}
# Names each compiled file of the venv that is not what its source compiles to.
COMPARE = """
import marshal
from importlib.util import source_from_cache
from pathlib import Path
found = sorted(Path("/opt/venv").rglob("*.pyc"))
for path in found:
    source = Path(source_from_cache(str(path)))
    code = marshal.loads(path.read_bytes()[16:])
    if not source.is_file():
        print("without a source:", path)
    elif code != compile(source.read_bytes(), str(source), "exec", dont_inherit=True):
        print("of another source:", path)
print(len(found) > 1000)
"""
FIND = "find /opt/venv /usr/lib/python3* -name '*.pyc'"


@RUNTIME
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.timeout(150)
def test_every_module_that_a_command_imports_is_compiled(
    containers: Containers, command: str
) -> None:
    require_command_compiled(containers, command)


@RUNTIME
@pytest.mark.timeout(150)
def test_every_module_that_a_rank_imports_is_compiled(containers: Containers) -> None:
    require_command_compiled(
        containers, "train --device cpu --steps 2 --mode ddp", environment=ONE_RANK
    )


def require_command_compiled(containers: Containers, command: str, **options: Any) -> None:
    script = 'mkdir -p /tmp/results && exec python -B -c "$0" "$1"'
    words = ("sh", "-c", script, RUN_AND_TELL, command)
    ended = containers.run(*words, timeout_sec=120, read_only=True, tmpfs={"/tmp": ""}, **options)
    assert ended.code == 0, ended.stderr
    require_compiled(ended.stdout)


@RUNTIME
@pytest.mark.timeout(150)
def test_what_is_taken_without_a_look_at_its_source_is_of_that_source(
    containers: Containers,
) -> None:
    ended = containers.run("python", "-W", "ignore", "-c", COMPARE, timeout_sec=120)
    assert (ended.code, ended.stdout) == (0, "True\n"), ended.stderr


def test_no_user_can_write_what_python_loads_without_checking_its_source(
    containers: Containers,
) -> None:
    found = containers.run("sh", "-c", f"{FIND} | wc -l", user="0").stdout
    assert int(found) > 1000
    writable = containers.run("sh", "-c", f"{FIND} -perm /022", user="0").stdout
    foreign = containers.run("sh", "-c", f"{FIND} ! -user 0", user="0").stdout
    assert (writable, foreign) == ("", "")
