"""Whatever stands in a file, it is compared or refused in one line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.records.measured import GPU, TRAINING, benchmark_document, case, set_at, write_record

from workload.compare import compare
from workload.compare.loader import load_side
from workload.core.errors import WorkloadError
from workload.core.record import dump
from workload.core.results import as_json
from workload.report.terminal.comparison_table import html, markdown, words_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def places_in(document: object, prefix: str = "") -> list[str]:
    """Every dotted place in a document."""
    if isinstance(document, dict):
        items = list(document.items())
    elif isinstance(document, list):
        items = [(str(index), item) for index, item in enumerate(document)]
    else:
        return []
    found = []
    for key, item in items:
        if not isinstance(document, list):
            found.append(f"{prefix}{key}")
        found += places_in(item, f"{prefix}{key}.")
    return found


DOCUMENTS: dict[str, Callable[[Path], Any]] = {
    "benchmarks": lambda _directory: benchmark_document(case(), device=GPU),
    "record": lambda directory: json.loads(
        write_record(directory, case(), trainings=[TRAINING]).read_bytes()
    ),
}


@pytest.fixture(scope="module", params=DOCUMENTS)
def valid(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A valid document as text."""
    return json.dumps(DOCUMENTS[request.param](tmp_path_factory.mktemp("valid")))


@settings(max_examples=200)
@given(data=st.data())
def test_whatever_stands_in_a_file_it_is_compared_or_refused(
    valid: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    document = json.loads(valid)
    set_at(document, data.draw(st.sampled_from(places_in(document))), data.draw(JSON))
    path = tmp_path_factory.mktemp("fuzz") / "a.json"
    path.write_text(json.dumps(document))
    try:
        side = load_side(path)
        comparison = compare(side, side)
    except WorkloadError as error:
        refused = str(error)
        assert "\n" not in refused
    else:
        words = words_of(comparison)
        assert all(line.isprintable() for line in markdown(words).splitlines())
        assert html(words).count("</table>") == 1
        assert json.loads(dump(as_json(comparison)))["speeds"]
