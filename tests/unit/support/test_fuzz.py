"""A short slice of `make fuzz`."""

from pathlib import Path

import pytest
from fuzz import __main__ as fuzzing
from fuzz.__main__ import BUG, SHARES, fuzz
from fuzz.readers import Reader, readers, refused

from workload.core.errors import BadInputError

INPUTS = 200


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reader]:
    return readers(tmp_path_factory.mktemp("valid"))


@pytest.mark.parametrize("name", SHARES)
def test_spoiled_input_is_read_or_refused(
    name: str, every: dict[str, Reader], tmp_path: Path
) -> None:
    inputs = INPUTS // 4 if name == "report" else INPUTS
    outcomes = fuzz(name, every[name], tmp_path, range(inputs), seed=1)
    assert BUG not in outcomes
    assert any(outcome.startswith("refused") for outcome in outcomes)
    assert not all(outcome.startswith("refused") for outcome in outcomes)


def test_every_reader_has_its_share(every: dict[str, Reader]) -> None:
    assert every.keys() == SHARES.keys()
    assert sum(SHARES.values()) == pytest.approx(1)


def test_another_outcome_is_counted_and_its_input_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(path: Path) -> str:
        raise KeyError(path.read_text())

    monkeypatch.setattr(fuzzing, "KEPT", tmp_path / "kept")
    outcomes = fuzz("some", Reader(lambda _: b"spoiled", stumble), tmp_path, range(2), seed=3)
    assert outcomes == {BUG: 2}
    assert (tmp_path / "kept/some-3-1").read_bytes() == b"spoiled"
    assert "KeyError: 'spoiled'" in (tmp_path / "kept/some-3-1.txt").read_text()


@pytest.mark.parametrize("error", ["one\nand another line", "plain"])
def test_a_refusal_of_two_lines_is_another_outcome(error: str) -> None:
    if "\n" in error:
        with pytest.raises(AssertionError):
            refused(BadInputError(error))
    else:
        assert refused(BadInputError(error)) == "refused: BadInputError"
