"""Base classes of the models, types of their fields, and conversion to and from JSON."""

import math
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from workload.core.units import DTYPE_BYTES, printable

T = TypeVar("T")


def one_of(*words: str) -> Meta:
    """Return a constraint for a field of type `str`: its value must be one of these words.

    mypy does not check the constraint.
    """
    # `$` alone matches before a final newline too.
    pattern = f"^({'|'.join(words)})$(?!\n)"
    return Meta(pattern=pattern, extra_json_schema={"enum": list(words)})


Dtype = Annotated[str, one_of(*DTYPE_BYTES)]
Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Size = Annotated[int, Meta(ge=1, le=(1 << 31) - 1)]
Amount = Annotated[float, Meta(ge=0, le=1e308)]
Seconds = Annotated[float, Meta(ge=0)]
Samples = tuple[Annotated[float, Meta(ge=0, le=1e12)], ...]


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a record. Fields set by `derive` are saved, and computed again on reading."""


class Fact(Model, frozen=True, forbid_unknown_fields=False):
    """A fact that the doctor reads. New fields need a default, and unknown fields are ignored.

    This makes records of older and newer versions readable.
    """


def derive(model: Model, **values: object) -> None:
    """Set derived fields, for use in `__post_init__`."""
    for name, value in values.items():
        msgspec.structs.force_setattr(model, name, value)


def as_json(value: object) -> Any:
    """Convert nested models and dataclasses to plain JSON, and non-finite floats to None."""
    return _finite(msgspec.to_builtins(value, enc_hook=_plain))


def _plain(value: object) -> object:
    """Convert an instance of a subclass of str, int or float to that type.

    For example, `torch.__version__` is an instance of a subclass of str.
    """
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    raise NotImplementedError


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def from_json(kind: type[T], document: object, place: str = "$") -> T:
    """Convert plain JSON to a model of type `kind`. Raises ValueError with the first problem.

    `place` is the path of `document` in the error message.
    """
    try:
        return msgspec.convert(document, kind)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise ValueError(printable(_placed(str(error), place))) from None


def _placed(problem: str, place: str) -> str:
    """Insert `place` into an error of msgspec. An error of the whole document names no path."""
    at = problem.rfind("`$")
    if at < 0:
        return f"{problem} - at `{place}`"
    return f"{problem[:at]}`{place}{problem[at + len('`$') :]}"
