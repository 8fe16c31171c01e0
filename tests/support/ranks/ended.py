"""How a command on several ranks ended."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ended:
    """How a command ended, and its record."""

    code: int
    text: str
    errors: str
    record: dict[str, Any]

    @property
    def ranks(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.record["ranks"]
        return found
