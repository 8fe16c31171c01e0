import gc
import subprocess
import sys
from pathlib import Path

import pytest

from workload.core.garbage import without_garbage_collection

COMMAND = """
import gc, sys
from workload.cli.main import main
main(["matmul", "--device", "cpu", "--sizes", "8", "--budget", "0.1", "--dtypes", "float32"])
torch = sys.modules["torch"]
print("inspected" if any(one is torch for one in gc.get_objects()) else "left out", file=sys.stderr)
"""


def is_inspected(made: object) -> bool:
    return any(one is made for one in gc.get_objects())


@pytest.fixture
def before_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)


@pytest.mark.usefixtures("before_torch")
def test_the_collector_pauses_while_torch_is_imported() -> None:
    with without_garbage_collection():
        assert not gc.isenabled()
    assert gc.isenabled()


@pytest.mark.usefixtures("before_torch")
def test_what_was_imported_is_not_inspected_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with without_garbage_collection():
        made: list[object] = [[]]
        monkeypatch.setitem(sys.modules, "torch", gc)  # any module
    assert not is_inspected(made)


@pytest.mark.usefixtures("before_torch")
def test_a_block_that_imports_no_torch_only_pauses_the_collector() -> None:
    with without_garbage_collection():
        made: list[object] = [[]]
    assert is_inspected(made)


@pytest.mark.usefixtures("before_torch")
def test_the_collector_runs_again_after_an_import_that_fails() -> None:
    with pytest.raises(ImportError), without_garbage_collection():
        raise ImportError
    assert gc.isenabled()


@pytest.mark.usefixtures("before_torch")
def test_a_collector_that_is_off_stays_off() -> None:
    gc.disable()
    try:
        with without_garbage_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_nothing_changes_if_torch_is_already_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", gc)  # any module
    with without_garbage_collection():
        assert gc.isenabled()
        made: list[object] = [[]]
    assert is_inspected(made)


def test_a_command_leaves_torch_out_of_garbage_collection(tmp_path: Path) -> None:
    command = [sys.executable, "-c", COMMAND]
    ended = subprocess.run(
        command, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=120
    )
    assert ended.stderr.endswith("left out\n"), ended.stderr
