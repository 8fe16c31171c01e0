"""Python scripts of docker/, which are in no package, as modules."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

DOCKER = Path(__file__).parents[2] / "docker"


def load(path: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module of a script in docker/; others can import it until the test ends."""
    name = Path(path).stem
    spec = importlib.util.spec_from_file_location(name, DOCKER / path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module
