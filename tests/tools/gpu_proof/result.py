"""The document of a step that is written after each part of it, so that a kill loses one part."""

import json
from pathlib import Path
from typing import Any

from workload.core.files import write_atomically


class Result:
    """A JSON object in a file."""

    def __init__(self, path: Path) -> None:
        """Begin an empty one."""
        self._path = path
        self.document: dict[str, Any] = {}

    def set(self, name: str, value: Any) -> None:
        """Set a member and write the document."""
        self.document[name] = value
        write_atomically(self._path, json.dumps(self.document, default=str).encode())
