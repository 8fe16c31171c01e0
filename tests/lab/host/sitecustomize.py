"""Let every process that imports torch compute as in host_cuda.py: level HOST of the lab."""

import importlib.util
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class AfterTorch(MetaPathFinder):
    """Installs host_cuda as soon as torch is imported, however often it is looked for before."""

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        if name != "torch":
            return None
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec("torch")
        finally:
            sys.meta_path.insert(0, self)
        assert spec
        assert spec.loader
        spec.loader.exec_module = _and_then(spec.loader)  # type: ignore[method-assign]  # once
        return spec


def _and_then(loader: Loader) -> Any:
    execute = loader.exec_module

    def run(module: ModuleType) -> None:
        execute(module)
        import host_cuda  # noqa: PLC0415  imports torch

        host_cuda.install()

    return run


sys.meta_path.insert(0, AfterTorch())
