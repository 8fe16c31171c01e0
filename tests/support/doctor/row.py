"""A machine, a check and its expected result."""

from dataclasses import dataclass
from typing import Any

from support.doctor.machines import (
    machine,
)

from workload.core.models.facts import Facts
from workload.core.models.finding import State


@dataclass(frozen=True)
class Row:
    """One machine, one check and its expected result."""

    id: str
    case: str
    state: State
    found: str
    facts: Facts


def passes(id_: str, found: str, **changes: Any) -> Row:
    return Row(id_, "pass", State.PASS, found, machine(**changes))


def fails(id_: str, case: str, found: str, **changes: Any) -> Row:
    return Row(id_, case, State.FAIL, found, machine(**changes))


def warns(id_: str, case: str, found: str, **changes: Any) -> Row:
    return Row(id_, case, State.WARN, found, machine(**changes))


def is_unknown(id_: str, found: str, **changes: Any) -> Row:
    return Row(id_, "unknown", State.UNKNOWN, found, machine(**changes))


def not_applicable(id_: str, case: str, found: str, **changes: Any) -> Row:
    return Row(id_, case, State.NOT_APPLICABLE, found, machine(**changes))
