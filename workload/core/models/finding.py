"""What one check of the doctor found."""

from enum import StrEnum

from workload.core.models.model import Model


class State(StrEnum):
    """How one doctor check ended."""

    PASS = "pass"  # noqa: S105  a state of a check, no password
    WARN = "warn"
    FAIL = "fail"
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN = "unknown"


class Finding(Model, frozen=True):
    """One doctor check: its stable id, how it ended, and the text for a person.

    `case` names what was found, in one word that stays the same; `link` is where to read on.
    """

    id: str
    state: State
    found: str
    why: str | None = None
    fix: str | None = None
    link: str | None = None
    case: str | None = None
