"""What is known against the packages of a bill of materials.

    python docker/scan.py results/sbom-cpu.cdx.json

Python packages are looked up by pip-audit in OSV (osv.dev), those of the system by grype where it
is on PATH. Ends with 4 if something is known that docker/known-vulnerabilities.toml does not let
pass, and as well where a database could not be asked: what was not looked up is not safe.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from workload.core.errors import ExitCode
from workload.core.files import read_regular

ALLOWED = Path(__file__).with_name("known-vulnerabilities.toml")
TIMEOUT_SEC = 300
MAX_BYTES = 64 << 20  # a bill of thousands of packages is 1 MB
WORD = re.compile(r"[A-Za-z0-9][\w.+~:/@%?&=-]*", re.ASCII)
OURS = "workload"  # on no index
ALL_KEYS = {"id", "package", "reason", "expires"}


@dataclass(frozen=True)
class Known:
    """A vulnerability of a package, under all of its names."""

    ids: tuple[str, ...]
    package: str
    version: str
    fixed_in: str | None


@dataclass(frozen=True)
class Scan:
    """What a scanner found, and why it could not tell of the rest."""

    found: tuple[Known, ...]
    untold: tuple[str, ...]


class ScanError(Exception):
    """A scanner that could not do its work."""


def python_packages(components: list[dict[str, Any]]) -> Scan:
    """Look Python distributions up. A package that pip-audit skips is one it cannot tell of."""
    wanted = [one for one in _of("pypi", components) if one["name"] != OURS]
    # A local version, "+cpu", is one build of the public one.
    lines = [f"{one['name']}=={one['version'].partition('+')[0]}\n" for one in wanted]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.writelines(lines)
        requirements.flush()
        options = ("--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json")
        service = ("--vulnerability-service", "osv", "--requirement", requirements.name)
        report = _json(["pip-audit", *service, *options])
    rows = report["dependencies"]
    told = {row["name"] for row in rows}
    unasked = tuple(f"{one['name']}: no answer" for one in wanted if one["name"] not in told)
    return Scan(
        tuple(
            Known(
                (vuln["id"], *vuln["aliases"]),
                row["name"],
                row["version"],
                next(iter(vuln["fix_versions"]), None),
            )
            for row in rows
            for vuln in row.get("vulns", ())
        ),
        tuple(row["skip_reason"] for row in rows if "skip_reason" in row) + unasked,
    )


def system_packages(sbom: Path, components: list[dict[str, Any]]) -> Scan:
    """Look the system's packages up; without grype nobody can tell."""
    _of("deb", components)
    if not shutil.which("grype"):
        return Scan((), ("the system's packages: grype is not on PATH",))
    matches = _json(["grype", f"sbom:{sbom}", "--output", "json"])["matches"]
    return Scan(
        tuple(
            Known(
                (
                    match["vulnerability"]["id"],
                    *(one["id"] for one in match["relatedVulnerabilities"]),
                ),
                match["artifact"]["name"],
                match["artifact"]["version"],
                next(iter(match["vulnerability"]["fix"]["versions"]), None),
            )
            for match in matches
            if match["artifact"]["type"] == "deb"
        ),
        (),
    )


def _of(kind: str, components: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The packages of a kind. None at all is no image of ours, not a safe one."""
    found = [one for one in components if one["purl"].lower().startswith(f"pkg:{kind}/")]
    if not found:
        raise ScanError(f"the bill has no package of the kind {kind}")
    return found


def let_pass(path: Path, today: date) -> set[tuple[str, str]]:
    """The ids and packages whose day has not come."""
    rows = tomllib.loads(path.read_text()).get("known", ())
    for row in rows:
        if not row.keys() >= ALL_KEYS or not isinstance(row["expires"], date):
            raise ScanError(
                f"{path.name}: {row.get('id')} needs a package, a reason and a day, expires = …"
            )
    return {(row["id"], row["package"]) for row in rows if today < row["expires"]}


def judge(scans: Iterable[Scan], allowed: set[tuple[str, str]]) -> tuple[list[str], int]:
    """A line for each problem, and how many findings may pass."""
    lines: list[str] = []
    passed = 0
    for scan in scans:
        for known in scan.found:
            if any((id_, known.package) in allowed for id_ in known.ids):
                passed += 1
                continue
            cure = f"fixed in {known.fixed_in}" if known.fixed_in else "no fix is known"
            lines.append(f"{known.package} {known.version}: {', '.join(known.ids)}: {cure}")
        lines += [f"could not tell: {reason}" for reason in scan.untold]
    return lines, passed


def read_components(sbom: Path) -> list[dict[str, Any]]:
    """The packages of a bill. Raises ScanError for anything that is none."""
    try:
        components = json.loads(read_regular(sbom, MAX_BYTES))["components"]
        return [{key: _word(one[key]) for key in ("name", "version", "purl")} for one in components]
    except OSError as error:
        raise ScanError(
            f"{sbom} cannot be read: {error.strerror}: make cpu-sbom writes it"
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ScanError(f"{sbom} is no bill of materials: make cpu-sbom writes one") from error


def _word(text: object) -> str:
    """A name, a version, an address: nothing that a file of requirements takes for more."""
    if not isinstance(text, str) or not WORD.fullmatch(text):
        raise ValueError(text)
    return text


def main() -> int:
    """Name what is known, and what could not be looked up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sbom", type=Path)
    arguments = parser.parse_args()
    try:
        components = read_components(arguments.sbom)
        allowed = let_pass(ALLOWED, datetime.now(tz=UTC).date())
    except (ScanError, tomllib.TOMLDecodeError) as error:
        print(f"scan: {error}", file=sys.stderr)
        return ExitCode.BAD_INPUT
    python = _told("the Python packages", lambda: python_packages(components))
    system = _told("the system's packages", lambda: system_packages(arguments.sbom, components))
    problems, passed = judge((python, system), allowed)
    for problem in problems:
        print(f"scan: {problem}", file=sys.stderr)
    print(f"scan  {len(components)} packages: {len(problems)} problems, {passed} let pass")
    return ExitCode.UNFIT if problems else ExitCode.OK


def _told(what: str, scan: Callable[[], Scan]) -> Scan:
    try:
        return scan()
    except ScanError as error:
        return Scan((), (f"{what}: {error}",))


def _json(command: list[str]) -> Any:
    """What a scanner prints. It may end with 1 for a finding, so its words count alone."""
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_SEC, check=False
        )
        return json.loads(ended.stdout)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ScanError(f"{command[0]}: {error}") from error
    except json.JSONDecodeError as error:
        words = ended.stderr.strip().splitlines() or [f"no answer, exit {ended.returncode}"]
        raise ScanError(f"{command[0]}: {words[-1]}") from error


if __name__ == "__main__":
    sys.exit(main())
