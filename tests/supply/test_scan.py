"""The scan names what is known, and never calls safe what was not looked up."""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from scan import Known, Scan, ScanError, judge, let_pass, python_packages, read_components

ROOT = Path(__file__).parents[2]
BUG = Known(("CVE-2026-0001", "GHSA-0001"), "jinja2", "3.1.6", "3.1.7")
ALLOWED = """
[[known]]
id = "GHSA-0001"
package = "jinja2"
expires = 2026-12-31
reason = "its templates are our own"
"""
CLEAN = {"dependencies": [{"name": "jinja2", "version": "3.1.6", "vulns": []}]}
FOUND = {
    "dependencies": [
        {
            "name": "jinja2",
            "version": "3.1.6",
            "vulns": [{"id": "CVE-2026-0001", "aliases": ["GHSA-0001"], "fix_versions": ["3.1.7"]}],
        }
    ]
}
SKIPPED = {"dependencies": [{"name": "jinja2", "skip_reason": "jinja2 not found on PyPI"}]}
COMPONENTS = [
    {"name": "jinja2", "version": "3.1.6", "purl": "pkg:pypi/jinja2@3.1.6"},
    {"name": "bash", "version": "5.2", "purl": "pkg:deb/debian/bash@5.2"},
]
NO_MATCH: dict[str, list[object]] = {"matches": []}


def scanner(folder: Path, name: str, answer: object, code: int = 0) -> None:
    """A stub in a scanner's place, which prints `answer`."""
    path = folder / name
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(answer)}\nEND\nexit {code}\n")
    path.chmod(0o755)


@pytest.fixture
def stubs(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    scanner(folder, "grype", NO_MATCH)
    return folder


def scanned(
    stubs: Path, components: list[dict[str, str]] | None = None
) -> subprocess.CompletedProcess[str]:
    sbom = stubs / "sbom.json"
    sbom.write_text(json.dumps({"components": COMPONENTS if components is None else components}))
    path = f"{stubs}:/usr/bin:/bin"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": path}
    command = [sys.executable, "docker/scan.py", str(sbom)]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_nothing_known_passes(stubs: Path) -> None:
    scanner(stubs, "pip-audit", CLEAN)
    ended = scanned(stubs)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "scan  2 packages: 0 problems, 0 let pass\n"


def test_what_is_known_is_named_with_its_cure(stubs: Path) -> None:
    scanner(stubs, "pip-audit", FOUND, code=1)
    ended = scanned(stubs)
    assert ended.returncode == 4
    assert ended.stderr == "scan: jinja2 3.1.6: CVE-2026-0001, GHSA-0001: fixed in 3.1.7\n"


def test_a_package_that_was_skipped_is_not_safe(stubs: Path) -> None:
    scanner(stubs, "pip-audit", SKIPPED)
    ended = scanned(stubs)
    assert ended.returncode == 4
    assert ended.stderr == "scan: could not tell: jinja2 not found on PyPI\n"


def test_a_database_that_does_not_answer_is_not_safe(stubs: Path) -> None:
    (stubs / "pip-audit").write_text("#!/bin/sh\necho 'osv.dev: no answer' >&2\nexit 1\n")
    (stubs / "pip-audit").chmod(0o755)
    ended = scanned(stubs)
    assert ended.returncode == 4
    assert "could not tell: the Python packages: pip-audit: osv.dev: no answer" in ended.stderr


def test_without_a_scanner_of_the_system_nobody_can_tell(stubs: Path) -> None:
    scanner(stubs, "pip-audit", CLEAN)
    (stubs / "grype").unlink()
    ended = scanned(stubs)
    assert ended.returncode == 4
    assert ended.stderr == "scan: could not tell: the system's packages: grype is not on PATH\n"


def test_a_local_version_is_looked_up_by_its_public_one(
    stubs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (stubs / "pip-audit").write_text(
        '#!/bin/sh\nwhile [ "$1" != --requirement ]; do shift; done\n'
        f"cp \"$2\" {stubs}/asked\necho '{json.dumps(CLEAN)}'\n"
    )
    (stubs / "pip-audit").chmod(0o755)
    monkeypatch.setenv("PATH", f"{stubs}:/usr/bin:/bin")
    torch = {"name": "torch", "version": "2.13.0+cpu", "purl": "pkg:pypi/torch@2.13.0%2Bcpu"}
    python_packages([torch, {"name": "bash", "version": "5", "purl": "pkg:deb/debian/bash@5"}])
    assert (stubs / "asked").read_text() == "torch==2.13.0\n"


def test_nothing_looked_up_is_not_safe(stubs: Path) -> None:
    scanner(stubs, "pip-audit", {"dependencies": []})
    ended = scanned(stubs, [])
    assert ended.returncode == 4
    assert "could not tell: the Python packages: the bill has no package" in ended.stderr
    assert "could not tell: the system's packages: the bill has no package" in ended.stderr


def test_a_package_without_an_answer_is_not_safe(stubs: Path) -> None:
    scanner(stubs, "pip-audit", {"dependencies": []})
    ended = scanned(stubs)
    assert ended.returncode == 4
    assert ended.stderr == "scan: could not tell: jinja2: no answer\n"


@pytest.mark.parametrize("name", ["# django", "-r /etc/passwd", "a\n#", "--index-url=x", "", 5])
def test_a_name_that_is_more_than_a_name_is_no_package(name: object, tmp_path: Path) -> None:
    path = tmp_path / "sbom.json"
    component = {"name": name, "version": "1", "purl": "pkg:pypi/x@1"}
    path.write_text(json.dumps({"components": [component]}))
    with pytest.raises(ScanError, match="is no bill of materials"):
        read_components(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"components": [{"name": "x"}]}', "[" * 99_999])
def test_what_is_no_bill_gets_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "sbom.json"
    path.write_text(text)
    with pytest.raises(ScanError, match="is no bill of materials: make cpu-sbom writes one"):
        read_components(path)


def test_a_bill_that_is_not_there_gets_one_line(tmp_path: Path) -> None:
    with pytest.raises(ScanError, match="cannot be read: No such file"):
        read_components(tmp_path / "none.json")


def test_what_is_let_pass_is_so_by_any_of_its_names_until_its_day(tmp_path: Path) -> None:
    allowed = tmp_path / "known.toml"
    allowed.write_text(ALLOWED)
    scan = Scan((BUG,), ())
    assert judge((scan,), let_pass(allowed, date(2026, 12, 30))) == ([], 1)
    (line,), passed = judge((scan,), let_pass(allowed, date(2026, 12, 31)))
    assert "CVE-2026-0001" in line
    assert passed == 0


def test_nothing_passes_without_a_reason_and_a_day(tmp_path: Path) -> None:
    allowed = tmp_path / "known.toml"
    allowed.write_text('[[known]]\nid = "CVE-2026-0001"\npackage = "jinja2"\nreason = "soon"\n')
    with pytest.raises(ScanError, match="CVE-2026-0001 needs a package, a reason and a day"):
        let_pass(allowed, date(2026, 1, 1))


def test_the_projects_own_list_can_be_read() -> None:
    let_pass(ROOT / "docker/known-vulnerabilities.toml", date(2026, 1, 1))
