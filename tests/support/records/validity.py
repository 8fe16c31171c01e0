"""Whether a JSON document is a record, as the commands that read one decide."""

from pathlib import Path

from workload.core import records
from workload.core.errors import BadInputError


def invalidity(document: object) -> str | None:
    """Return why plain JSON is not a valid record; None if it is one."""
    try:
        records.parse(document, Path("document.json"))
    except BadInputError as error:
        return str(error)
    return None
