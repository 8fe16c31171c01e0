"""The tables of docker/README.md: faults.toml, complaints.toml, host/*.toml.

`PYTHONPATH=tests python -m support.doctor.fault_matrix` writes them; a test says when they are
out of date.
"""

import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[2]
README = TESTS.parent / "docker/README.md"


def faults() -> list[dict[str, Any]]:
    """The rows of the fault matrix."""
    return list(tomllib.loads((TESTS / "unit/doctor/faults.toml").read_text())["fault"])


def complaints() -> list[dict[str, Any]]:
    """What users of other images complain of, and why it does not happen here."""
    return list(tomllib.loads((TESTS / "unit/docker/complaints.toml").read_text())["complaint"])


def fault_table() -> str:
    """One row a fault, in the order in which the checks run."""
    rows = [(f["fault"], f"`{f['id']}`", f["state"], _exit_codes(f), f["line"]) for f in faults()]
    return table(("fault", "check", "state", "exit", "line"), rows)


def complaint_table() -> str:
    """One row a complaint."""
    rows = [
        (str(number), c["complaint"], _answer(c), ", ".join(f"`{name}`" for name in c["tests"]))
        for number, c in enumerate(complaints(), 1)
    ]
    return table(("", "complaint", "check or construction", "tests"), rows)


def host_faults() -> list[dict[str, Any]]:
    """What `make doctor` finds wrong with a machine."""
    return list(tomllib.loads((TESTS / "host/faults.toml").read_text())["fault"])


def refusals() -> list[dict[str, Any]]:
    """What Docker and NVIDIA's runtime say before anything runs, translated."""
    return list(tomllib.loads((TESTS / "host/refusals.toml").read_text())["refusal"])


def host_fault_table() -> str:
    """One row a fault of the host, in the order of the checks; sizes change and are left out."""
    rows = [
        (f["fault"], f"`{f['id']}`", f["state"], str(f["exit"]), _sizeless(f["line"]), _next(f))
        for f in host_faults()
    ]
    return table(("fault", "check", "state", "exit", "line", "next"), rows)


def refusal_table() -> str:
    """One row a refusal, translated."""
    rows = [(r["name"], f"`{r['id']}`", r["line"], r["next"]) for r in refusals()]
    return table(("refusal", "check", "line", "next"), rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *([_escaped(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def written(text: str) -> str:
    """`text` with each table between its two markers."""
    for name, make in TABLES.items():
        start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        pattern = re.compile(f"{start}.*?{end}", re.DOTALL)
        text, count = pattern.subn(lambda _: f"{start}\n{make()}\n{end}", text)  # noqa: B023  called at once
        if count != 1:
            raise SystemExit(f"{README} has the markers {start} and {end} {count} times, not once")
    return text


def _sizeless(line: str) -> str:
    return re.sub(r"\{\w+\}", "…", line)


def _next(fault: dict[str, Any]) -> str:
    return str(fault.get("next", ""))


def _exit_codes(fault: dict[str, Any]) -> str:
    return f"{fault['exit']}" + (f", strict {fault['strict']}" if "strict" in fault else "")


def _answer(complaint: dict[str, Any]) -> str:
    checks = ", ".join(f"`{id_}`" for id_ in complaint.get("checks", []))
    return "; ".join(filter(None, (checks, complaint.get("construction"))))


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


TABLES = {
    "faults": fault_table,
    "complaints": complaint_table,
    "host faults": host_fault_table,
    "refusals": refusal_table,
}

if __name__ == "__main__":
    README.write_text(written(README.read_text()))
