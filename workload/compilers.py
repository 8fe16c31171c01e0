"""The compilers that torch.compile would call, found the way it finds them."""

import os
import shutil
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Compilers:
    """Paths, or None where there is none; `headers` tells whether Python.h is there."""

    c: str | None  # Triton builds its launchers with it
    cxx: str | None  # Inductor builds its CPU kernels with it
    headers: bool


def find_compilers(environment: Mapping[str, str] = os.environ) -> Compilers:
    """CC and CXX count before the usual names."""
    path = environment.get("PATH")
    return Compilers(
        c=_first(environment.get("CC"), ("gcc", "clang"), path),
        cxx=_first(environment.get("CXX"), ("g++", "clang++"), path),
        headers=Path(sysconfig.get_path("include"), "Python.h").exists(),
    )


def _first(given: str | None, defaults: tuple[str, ...], path: str | None) -> str | None:
    names = (given,) if given else defaults
    return next((found for name in names if (found := shutil.which(name, path=path))), None)
