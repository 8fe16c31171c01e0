"""Explain failed imports of libraries.

This module imports only modules that the interpreter has already loaded.
"""

import os
import sys

LIBRARIES = frozenset(
    ("torch", "rich", "safetensors", "msgspec", "pynvml", "pygal", "jinja2", "markupsafe")
)
FIX = "install the packages of docker/locks, or run inside the image"


def import_problem(error: BaseException) -> str:
    """Return in one line why an import failed and what to do."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    intruder = find_intruder()
    fix = (
        f"rename {intruder}, which hides an installed library of the same name" if intruder else FIX
    )
    return f"a library cannot be imported ({lines[0]}): {fix}"


def find_intruder() -> str | None:
    """Return a file or folder on `sys.path` that hides a library of the same name, or None."""
    standard = os.path.dirname(os.__file__)
    for folder in sys.path:
        if folder == standard:
            break
        for name in _entries(folder or "."):
            path = os.path.join(os.path.abspath(folder), name)
            if _is_intruder(path):
                return path
    return None


def _entries(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:  # not a folder (an archive), missing, or not readable
        return []


def _is_intruder(path: str) -> bool:
    name, _, suffix = os.path.basename(path).partition(".")
    if os.path.isdir(path):
        return name in LIBRARIES and os.path.exists(os.path.join(path, "__init__.py"))
    return suffix.endswith(("py", "so")) and name in LIBRARIES | sys.stdlib_module_names
