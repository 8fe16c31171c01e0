"""What one check of the doctor found."""

from enum import StrEnum

from workload.core.models.model import Model


class State(StrEnum):
    """How one doctor check ended."""

    PASS = "pass"  # noqa: S105  a state of a check, not a password
    WARN = "warn"
    FAIL = "fail"
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN = "unknown"


class Finding(Model, frozen=True):
    """The result of one doctor check: its stable id, its state, and the text for the user.

    `case` is a stable identifier of what was found. `link` is the URL of further documentation.
    """

    id: str
    state: State
    found: str
    why: str | None = None
    fix: str | None = None
    link: str | None = None
    case: str | None = None
