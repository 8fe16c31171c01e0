"""Two sides that a test compares."""

import pytest

from workload.compare import compare, pair
from workload.compare.loader import Side
from workload.compare.speeds import Speed
from workload.core.errors import BadInputError, WrongNumbersError


def only(a: Side, b: Side) -> Speed:
    """The one speed of two sides."""
    (speed,) = pair(a, b).speeds
    return speed


def reason(a: Side, b: Side) -> str:
    """Why nothing of two sides can be compared."""
    with pytest.raises((BadInputError, WrongNumbersError)) as caught:
        compare(a, b)
    return str(caught.value)
