"""Find the compilers and the cache that torch.compile would use."""

import os
import shutil
import sysconfig
import tempfile
from collections.abc import Mapping
from pathlib import Path

from workload.core.models.machine import Compilers

PACKAGES = "g++, openssl and python3-dev"


def find_compilers(environment: Mapping[str, str] = os.environ) -> Compilers:
    """Find the compilers; CC and CXX take precedence over the usual names."""
    path = environment.get("PATH")
    return Compilers(
        c=_first(environment.get("CC"), ("gcc", "clang"), path),
        cxx=_first(environment.get("CXX"), ("g++", "clang++"), path),
        headers=Path(sysconfig.get_path("include"), "Python.h").exists(),
    )


def fix(environment: Mapping[str, str] = os.environ) -> str:
    """Return how to get what Inductor needs: the compilers, Python's headers and openssl.

    WORKLOAD_VARIANT is set only in the project's images and in images built on them.
    """
    variant = environment.get("WORKLOAD_VARIANT")
    install = f"install {PACKAGES}"
    if not variant:
        return install
    devel = f"workload:{variant}-devel (for a published image, append -devel to its tag)"
    return f"use the image {devel}, or in your own image {install}"


def noexec_cache(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return Inductor's cache folder if its file system is mounted noexec; else None."""
    cache = Path(environment.get("TORCHINDUCTOR_CACHE_DIR") or tempfile.gettempdir())
    folder = next(place for place in (cache, *cache.absolute().parents) if os.path.isdir(place))
    return str(cache) if os.statvfs(folder).f_flag & os.ST_NOEXEC else None


def _first(given: str | None, defaults: tuple[str, ...], path: str | None) -> str | None:
    names = (given,) if given else defaults
    return next((found for name in names if (found := shutil.which(name, path=path))), None)
