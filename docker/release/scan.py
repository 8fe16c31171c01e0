"""Look up known vulnerabilities of packages.

    PYTHONPATH=. python docker/release/scan.py [--image IMAGE] LOCK...

pip-audit looks up the Python packages of lock files, by their public versions: torch 2.13.0, not
2.13.0+cpu. grype or Trivy, whichever is on PATH, looks up the OS packages of an image. Exits with 4
for a vulnerability without an exception in known-vulnerabilities.toml, and if a scanner gives no
answer.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from locks import Packages, read_lock
from packaging.version import Version

from workload.core.errors import ExitCode, first_line
from workload.core.units import printable

EXCEPTIONS = Path(__file__).with_name("known-vulnerabilities.toml")
LIMIT_SEC = 600
SERVICES = ("pypi", "osv")  # OSV knows more vulnerabilities; PyPI reports packages it does not have
PIP_AUDIT = "pip-audit --no-deps --disable-pip --progress-spinner off --format json -r /dev/stdin"


class ScanError(Exception):
    """A scanner gave no answer."""


class Finding(NamedTuple):
    """A vulnerability of a package, with all of its IDs."""

    ids: tuple[str, ...]
    package: str
    version: str
    fix: str

    def __str__(self) -> str:
        """Return the line to print."""
        fix = f"fixed in {self.fix}" if self.fix else "no fix is known"
        return f"{self.package} {self.version}: {', '.join(self.ids)}: {fix}"


def audit(packages: Packages, service: str) -> Iterator[Finding | str]:
    """Yield what pip-audit finds, and a line for each package without an answer."""
    while packages:
        batch = dict(packages)  # pip-audit takes one version of a package at a time
        packages = packages - batch.items()
        lines = "".join(f"{name}=={version}\n" for name, version in batch.items())
        report = answer([*PIP_AUDIT.split(), "--vulnerability-service", service], lines)
        rows = [row for row in report["dependencies"] if "vulns" in row]  # others were skipped
        for row in rows:
            for one in row["vulns"]:
                ids, fix = (one["id"], *one["aliases"]), "".join(one["fix_versions"][:1])
                yield Finding(ids, row["name"], row["version"], fix)
        answered = {(row["name"], row["version"]) for row in rows}
        for name, version in sorted(batch.items() - answered):
            yield f"{name} {version}: no answer from pip-audit ({service})"


def scan_image(image: str) -> Iterator[Finding]:
    """Yield what grype or Trivy finds in the OS packages of an image."""
    if shutil.which("grype"):
        for one in answer(["grype", f"docker:{image}", "--output", "json"])["matches"]:
            found, package = one["vulnerability"], one["artifact"]
            ids = (found["id"], *(related["id"] for related in one["relatedVulnerabilities"]))
            if package["type"] == "deb":
                fix = "".join(found["fix"]["versions"][:1])
                yield Finding(ids, package["name"], package["version"], fix)
    elif shutil.which("trivy"):
        report = answer(["trivy", "image", "--quiet", "--format", "json", "--", image])
        (system,) = [one for one in report["Results"] if one["Class"] == "os-pkgs"]
        for one in system.get("Vulnerabilities", ()):
            ids, fix = (one["VulnerabilityID"],), one.get("FixedVersion", "")
            yield Finding(ids, one["PkgName"], one["InstalledVersion"], fix)
    else:
        raise ScanError("no scanner: install grype or trivy")


def answer(command: list[str], lines: str = "") -> Any:
    """Return the JSON that a scanner prints.

    The exit code is ignored, because a scanner may also exit with 1 if it finds a vulnerability.
    """
    try:
        ended = subprocess.run(
            command, input=lines, capture_output=True, text=True, timeout=LIMIT_SEC, check=False
        )
        return json.loads(ended.stdout)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ScanError(f"{command[0]}: {error}") from error
    except (ValueError, RecursionError) as error:
        said = ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"]
        raise ScanError(f"{command[0]}: {said[-1]}") from error


def collected(what: str, scan: Iterator[Finding | str]) -> list[Finding | str]:
    """Return what a scan yields; if the scan fails, return one line that reports the failure."""
    try:
        return list(scan)
    except (ScanError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        return [f"{what} were not looked up: {first_line(error)}"]


def exceptions(path: Path, today: date) -> set[tuple[str, str]]:
    """Return the ID and package of each exception that has not expired. Raises ValueError."""
    rows = tomllib.loads(path.read_text()).get("known", ())
    for row in rows:
        if not row.keys() >= {"id", "package", "reason"} or type(row.get("expires")) is not date:
            raise ValueError(
                f"{path.name}: {row.get('id')} needs package, reason and expires (a date)"
            )
    return {(row["id"], row["package"]) for row in rows if today < row["expires"]}


def main() -> int:
    """Print what was found; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image")
    parser.add_argument("locks", metavar="LOCK", nargs="+", type=Path)
    arguments = parser.parse_args()
    try:
        pinned = set[tuple[str, str]]().union(*map(read_lock, arguments.locks))
        packages = {(name, Version(version).public) for name, version in pinned}
        if not packages:
            raise ValueError("the lock files pin no packages")
        excepted = exceptions(EXCEPTIONS, datetime.now(tz=UTC).date())
    except (OSError, ValueError) as error:
        print(f"scan: {printable(str(error))}", file=sys.stderr)
        return ExitCode.BAD_INPUT
    found = [
        one
        for service in SERVICES
        for one in collected("Python packages", audit(packages, service))
    ]
    if arguments.image:
        found += collected("OS packages", scan_image(arguments.image))
    left = [
        one
        for one in dict.fromkeys(found)
        if isinstance(one, str) or excepted.isdisjoint((id_, one.package) for id_ in one.ids)
    ]
    for one in left:
        print(f"scan: {printable(str(one))}", file=sys.stderr)
    print(f"scan: {len(packages)} Python packages; problems: {len(left)}")
    return ExitCode.UNFIT if left else ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
