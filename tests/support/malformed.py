"""Hypothesis strategies for malformed input: bytes, JSON documents, checkpoints, command lines."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

# Values that break parsers and renderers: limits of numbers, markup, escapes, lone surrogates.
TEXTS = st.text(max_size=8) | st.sampled_from(
    [
        *("\0", "\n", "../../etc/passwd", "<script>alert(1)</script>", "\x1b[31m", "\u202e"),
        *("\ud800", "%s%n{0}", "=1+1", "a" * 70_000, "NaN", "cuda:99999999999999999999"),
        *("2026-11-25T00:00:00+99:99", "0001-01-01T00:00:00+23:59"),
    ]
)
NUMBERS = (
    st.integers()
    | st.floats()
    | st.sampled_from([0, -1, 1, 2**31, 2**63, 2**64, 10**400, -0.0, 1e-320, 1e308])
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
# Replaced in the text: lists within lists, deeper than json can write.
DEEP = {f"\0 {levels} levels": "[" * levels + "]" * levels for levels in (5, 90, 3000, 100_000)}
REMOVED = object()
WORDS = [
    *(
        "--help",
        "--json",
        "--budget",
        "--sizes",
        "--device",
        "--output",
        "--",
        "-",
        "--no",
        "@file",
    ),
    *("explain", "1e999", "nan", "0x10", "cuda:0", "cpu,cpu", "4x4", "=", "--budget=", "9" * 400),
    *("\u0661", "", " ", "\0", "\ud800"),  # U+0661 is a digit, in Arabic
]
Place = tuple[str | int, ...]


@st.composite
def malformed_bytes(draw: st.DrawFn, valid: bytes) -> bytes:
    """Valid bytes with one to four stretches replaced, removed or doubled."""
    data = valid
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = start + draw(st.sampled_from([0, 1, 2, 8, 64, 4096, len(data)]))
        instead = draw(st.binary(max_size=64) | st.just(data[start:end] * 2))
        data = data[:start] + instead + data[end:]
    return data


@st.composite
def malformed_json(draw: st.DrawFn, valid: Any) -> bytes:
    """A valid document with one to three of its values replaced or removed, as a file has it."""
    document = json.loads(json.dumps(valid))
    count = draw(st.sampled_from([1, 1, 1, 2, 3]))  # one alone gets past the checks before it
    places = draw(st.sets(st.sampled_from(places_in(valid)), min_size=count, max_size=count))
    for place in sorted(places, reverse=True):  # so that every place is still there
        change(document, place, draw)
    text = json.dumps(document)
    for name, deep in DEEP.items():
        text = text.replace(json.dumps(name), deep)
    if draw(st.integers(0, 19)) == 0:
        text = text.replace('"', '"schema_version": 2, "', 1)  # the same key twice
    return text.encode("utf-8", "surrogatepass")


def malformed_file(valid: Any) -> st.SearchStrategy[bytes]:
    """A malformed JSON file."""
    as_bytes = malformed_bytes(json.dumps(valid).encode())
    return malformed_json(valid) | malformed_json(valid) | as_bytes


@st.composite
def malformed_checkpoint(draw: st.DrawFn, valid: bytes) -> bytes:
    """A safetensors file with other bytes, or with another header over the same numbers."""
    if draw(st.booleans()):
        return draw(malformed_bytes(valid))
    length = int.from_bytes(valid[:8], "little")
    header = draw(malformed_json(json.loads(valid[8 : 8 + length])))
    return len(header).to_bytes(8, "little") + header + valid[8 + length :]


@st.composite
def malformed_command_line(draw: st.DrawFn, commands: Sequence[str]) -> list[str]:
    """A command line with one to four words removed, replaced or inserted."""
    words = draw(st.sampled_from(commands)).split()
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(words)))
        instead = draw(st.lists(st.sampled_from(WORDS + words) | TEXTS, max_size=2))
        words[place : place + draw(st.integers(0, 1))] = instead
    return words


def places_in(document: Any, prefix: Place = ()) -> list[Place]:
    """Return every place in a document, as keys and indexes."""
    items = document.items() if isinstance(document, dict) else enumerate(document)
    found: list[Place] = []
    for key, value in items:
        found.append((*prefix, key))
        if isinstance(value, dict | list):
            found += places_in(value, (*prefix, key))
    return found


def change(document: Any, place: Place, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
    """Replace or remove the value at a place."""
    for key in place[:-1]:
        document = document[key]
    old = document[place[-1]]
    similar = [old, [old] * 2, [old] * 300, {"": old}, REMOVED, *DEEP]
    if isinstance(old, int | float):
        similar += [-old, old * 2]
    new = draw(VALUES | st.sampled_from(similar))
    if new is REMOVED:
        del document[place[-1]]
    else:
        document[place[-1]] = new
