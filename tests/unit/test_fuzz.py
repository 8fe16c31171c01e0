"""A short slice of `make fuzz`."""

from pathlib import Path
from random import Random

import pytest
from fuzz.readers import Reader, readers

INPUTS = 200


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reader]:
    return readers(tmp_path_factory.mktemp("valid"))


@pytest.mark.parametrize(
    "name", ["record", "pytest-benchmark", "report", "checkpoint", "arguments"]
)
def test_spoiled_input_is_read_or_refused_in_one_line(
    name: str, every: dict[str, Reader], tmp_path: Path
) -> None:
    path = tmp_path / "input.json"
    for number in range(INPUTS // 10 if name == "report" else INPUTS):
        path.write_bytes(every[name].spoil(Random(f"unit {name} {number}")))
        every[name].read(path)


def test_a_reader_that_raises_anything_else_is_noticed(every: dict[str, Reader]) -> None:
    with pytest.raises(FileNotFoundError):
        every["arguments"].read(Path("/nonexistent/input.json"))
