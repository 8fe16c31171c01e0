"""Parse the name of a requested device."""

from workload.core.errors import BadInputError


def parse(requested: str) -> tuple[str, int]:
    """Parse `requested` as (auto, cpu or cuda; index). Raises BadInputError."""
    kind, colon, index = requested.partition(":")
    if kind in ("auto", "cpu") and not colon:
        return kind, 0
    if kind == "cuda" and (not colon or (index.isascii() and index.isdigit())):
        return kind, int(index or 0)
    raise BadInputError(f"unknown device {requested!r}: use auto, cpu, cuda or cuda:N")
