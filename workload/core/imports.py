"""Explain failed imports of libraries. Imports only what the interpreter has loaded itself."""

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
    fix = f"{intruder} is in a library's place: rename it" if intruder else FIX
    return f"a library cannot be imported ({lines[0]}): {fix}"


def find_intruder() -> str | None:
    """Return a file that has the name of a library and comes before it on the path."""
    names = LIBRARIES | sys.stdlib_module_names
    standard = os.path.dirname(os.__file__)
    for folder in sys.path:
        if folder == standard:
            break
        for name in sorted(os.listdir(folder or ".")) if os.path.isdir(folder or ".") else ():
            if name.endswith(".py") and name[:-3] in names:
                return os.path.join(os.path.abspath(folder), name)
    return None
