"""Find the packages that this interpreter lacks for the steps, and install them from wheels."""

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

INSTALL_SEC = 60.0


def missing(modules: Iterable[str]) -> list[str]:
    """Return the modules that cannot be found, without importing any."""
    importlib.invalidate_caches()
    return [module for module in modules if find_spec(module) is None]


def install(wheels: Path, target: Path) -> str | None:
    """Install the wheels whose packages are missing here into `target`; return what went wrong.

    The packages of this machine stay as they are. Also for the processes that this one starts.
    """
    found = sorted(wheels.glob("*.whl"))
    if not found:
        return f"WHEELS={wheels} has no wheels"
    lacking = [str(wheel) for wheel in found if not _installed(wheel)]
    if not lacking:
        return None
    options = ("--quiet", "--no-index", "--no-deps", "--no-compile", "--disable-pip-version-check")
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(target), *lacking]
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_SEC, check=False
        )
    except subprocess.TimeoutExpired:
        return f"pip did not install {wheels} within {INSTALL_SEC:.0f} s"
    sys.path.append(str(target))
    earlier = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = f"{earlier}:{target}" if earlier else str(target)
    if ended.returncode:
        errors = ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"]
        return f"pip did not install {wheels}: {errors[-1]}"
    return None


def _installed(wheel: Path) -> bool:
    name = re.sub(r"[-_.]+", "-", wheel.name.split("-")[0])
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
