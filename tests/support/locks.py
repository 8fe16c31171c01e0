"""The lock files as tests read them."""

import re
from pathlib import Path

LOCKS = Path(__file__).parents[2] / "docker/locks"


def locked(name: str) -> dict[str, str]:
    """The versions of a lock, by package and marker."""
    lines = re.findall(r"^([a-z0-9-]+)={2,3}(\S+)(.*) \\$", (LOCKS / name).read_text(), re.M)
    return {package + marker: version for package, version, marker in lines}
