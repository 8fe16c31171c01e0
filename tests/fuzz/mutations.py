"""Ways to spoil a valid input: its bytes, its JSON, its words. The same for the same `Random`."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

# What parsers and renderers stumble over: limits of numbers, names of everything, markup, control.
STRINGS = (
    "",
    "\0",
    "\n",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "\x1b[31m",
    "\u202e",
    "\ud800",
    "%s%n{0}",
    "=1+1",
    "a" * 70_000,
    "2026-11-25T00:00:00+99:99",
    "0001-01-01T00:00:00+23:59",
    "cuda:99999999999999999999",
    "NaN",
)
NUMBERS = (0, -1, 1, 2**31, 2**63, 2**64, 10**400, -0.0, 1e-320, 1e308, float("inf"), float("nan"))
LEVELS = (5, 90, 3000, 100_000)
WORDS = (
    *"--help --json --budget --sizes --device --output -- - --no @file explain 1e999 nan".split(),
    *"0x10 cuda:0 cpu,cpu 4x4 = --budget=".split(),
    *("9" * 400, "\u0661", "", " ", "\0", "\ud800"),  # U+0661 is a digit, in Arabic
)


def spoiled_bytes(valid: bytes, random: Random) -> bytes:
    """`valid` with one to four of its stretches changed."""
    data = bytearray(valid)
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(data) + 1)
        length = random.choice((1, 1, 2, 8, 64, 4096))
        change = random.randrange(6)
        if change == 0 and data:
            data[min(place, len(data) - 1)] ^= 1 << random.randrange(8)
        elif change == 1:
            del data[place : place + length]
        elif change == 2:
            data[place:place] = random.randbytes(length)
        elif change == 3:
            data[place:place] = data[place : place + length]
        elif change == 4:
            del data[place:]
        else:
            data[place : place + length] = random.randbytes(length)
    return bytes(data)


def spoiled_json(valid: Any, random: Random) -> bytes:
    """`valid` with one to three places changed, as the text of a file."""
    document = json.loads(json.dumps(valid))
    for _ in range(random.randint(1, 3)):
        document = _changed(document, random, depth=0)
    text = json.dumps(document)
    for levels in LEVELS:  # deeper than json can write
        text = text.replace(json.dumps(_deep(levels)), "[" * levels + "]" * levels)
    if random.random() < 0.05:  # the same key twice
        text = text.replace('"', '"schema_version": 2, "', 1)
    return text.encode("utf-8", "surrogatepass")


def spoiled_words(valid: list[str], random: Random) -> list[str]:
    """A command line with words taken, swapped, doubled, or put in."""
    words = list(valid)
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(words) + 1)
        change = random.randrange(5)
        if change == 0:
            del words[place : place + 1]
        elif change == 1:
            words.insert(place, random.choice(WORDS))
        elif change == 2 and words:
            words.insert(place, random.choice(words))
        elif change == 3:
            words[place : place + 1] = [random.choice(WORDS)]
        elif words:
            chosen = random.randrange(len(words))
            spoiled = spoiled_bytes(words[chosen].encode("utf-8", "surrogatepass"), random)
            words[chosen] = spoiled.decode("utf-8", "surrogateescape")
    return words


def _changed(value: Any, random: Random, depth: int) -> Any:
    """Go down at random, and put something else there."""
    keys = (
        range(len(value)) if isinstance(value, list) else value if isinstance(value, dict) else ()
    )
    inner = list(keys)
    if inner and (depth == 0 or random.random() < 0.8):
        key = random.choice(inner)
        if random.random() < 0.1:
            del value[key]
        else:
            value[key] = _changed(value[key], random, depth + 1)
        return value
    return _anything(value, random)


def _anything(value: Any, random: Random) -> Any:
    makers: tuple[Callable[[], Any], ...] = (
        lambda: None,
        lambda: random.choice((True, False)),
        lambda: random.choice(NUMBERS),
        lambda: random.choice(STRINGS),
        lambda: [],
        lambda: {},
        lambda: [value] * random.choice((1, 2, 300)),
        lambda: {random.choice(STRINGS): value},
        lambda: _deep(random.choice(LEVELS)),
        lambda: value * 2 if isinstance(value, int | float | str | list) else value,
        lambda: -value if isinstance(value, int | float) else value,
    )
    return random.choice(makers)()


def _deep(levels: int) -> str:
    """What stands for a list within a list, so many times, until the text is written."""
    return f"\0deep {levels}"
