"""The scan names known vulnerabilities, and fails without an answer."""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import scan
from scan import exceptions

ROOT = Path(__file__).parents[2]
BUG = {"id": "CVE-2026-0001", "aliases": ["GHSA-0001"], "fix_versions": ["3.1.7"]}
JINJA = {"name": "jinja2", "version": "3.1.6", "vulns": []}
TORCH = {"name": "torch", "version": "2.13.0", "vulns": []}
CLEAN = {"dependencies": [JINJA, TORCH]}
FOUND = {"dependencies": [JINJA | {"vulns": [BUG]}, TORCH]}
SKIPPED = {"dependencies": [{"name": "jinja2", "skip_reason": "not on PyPI"}, TORCH]}
LOCK = "jinja2==3.1.6 \\\n    --hash=sha256:0\ntorch===2.13.0+cpu \\\n    --hash=sha256:1\n"
GRYPE = {
    "matches": [
        {
            "vulnerability": {"id": "CVE-2026-0002", "fix": {"versions": []}},
            "relatedVulnerabilities": [{"id": "GHSA-0002"}],
            "artifact": {"name": "bash", "version": "5.2", "type": kind},
        }
        for kind in ("deb", "python")
    ]
}
TRIVY = {
    "Results": [
        {
            "Class": "os-pkgs",
            "Vulnerabilities": [
                {
                    "VulnerabilityID": "CVE-2026-0002",
                    "PkgName": "bash",
                    "InstalledVersion": "5.2",
                    "FixedVersion": "5.3",
                }
            ],
        },
        {"Class": "lang-pkgs", "Vulnerabilities": [{"VulnerabilityID": "CVE-2026-0003"}]},
    ]
}
EXCEPTION = """
[[known]]
id = "GHSA-0001"
package = "jinja2"
expires = 2026-12-31
reason = "its templates are our own"
"""


class Scanners:
    """Stubs of the scanners, and the scan that runs them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.lock = folder / "lock.txt"
        self.lock.write_text(LOCK)
        self.add("pip-audit", CLEAN)

    def add(self, name: str, answer: object, code: int = 0) -> None:
        """Install a scanner that keeps its input and prints `answer`."""
        said = answer if isinstance(answer, str) else json.dumps(answer)
        script = f"echo \"$@\" >>{self._folder}/calls\ncat >>{self._folder}/asked\ncat <<'END'\n"
        path = self._folder / name
        path.write_text(f"#!/bin/sh\n{script}{said}\nEND\nexit {code}\n")
        path.chmod(0o755)

    def said(self, name: str) -> str:
        return (self._folder / name).read_text()

    def scan(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"PYTHONPATH": str(ROOT), "PATH": f"{self._folder}:/usr/bin:/bin"}
        command = [sys.executable, "docker/release/scan.py", *arguments, str(self.lock)]
        return subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


@pytest.fixture
def scanners(tmp_path: Path) -> Scanners:
    return Scanners(tmp_path)


def test_nothing_known_passes(scanners: Scanners) -> None:
    ended = scanners.scan()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "scan: 2 Python packages; problems: 0\n"


def test_packages_are_looked_up_by_their_public_versions(scanners: Scanners) -> None:
    scanners.scan()
    assert sorted({*scanners.said("asked").splitlines()}) == ["jinja2==3.1.6", "torch==2.13.0"]


def test_both_services_are_asked(scanners: Scanners) -> None:
    scanners.scan()
    services = [call.rpartition(" ")[2] for call in scanners.said("calls").splitlines()]
    assert services == ["pypi", "osv"]


def test_two_versions_of_a_package_are_looked_up_one_after_the_other(scanners: Scanners) -> None:
    scanners.lock.write_text("jinja2==3.1.6 ; python_version < '3'\njinja2==3.1.7\n")
    scanners.scan()
    assert len(scanners.said("calls").splitlines()) == 4
    assert sorted({*scanners.said("asked").splitlines()}) == ["jinja2==3.1.6", "jinja2==3.1.7"]


def test_a_vulnerability_is_named_once_with_its_fix(scanners: Scanners) -> None:
    scanners.add("pip-audit", FOUND, code=1)
    ended = scanners.scan()
    assert ended.returncode == 4
    assert ended.stderr == "scan: jinja2 3.1.6: CVE-2026-0001, GHSA-0001: fixed in 3.1.7\n"


@pytest.mark.parametrize("answer", [SKIPPED, {"dependencies": [TORCH]}])
def test_a_package_without_an_answer_fails(answer: object, scanners: Scanners) -> None:
    scanners.add("pip-audit", answer)
    ended = scanners.scan()
    assert ended.returncode == 4
    assert ended.stderr == (
        "scan: jinja2 3.1.6: no answer from pip-audit (pypi)\n"
        "scan: jinja2 3.1.6: no answer from pip-audit (osv)\n"
    )


@pytest.mark.parametrize("answer", ["", "{}", "[]", '{"dependencies": 5}', "[" * 99_999])
def test_an_answer_that_cannot_be_read_fails(answer: str, scanners: Scanners) -> None:
    scanners.add("pip-audit", answer)
    ended = scanners.scan()
    assert ended.returncode == 4
    assert ended.stderr.startswith("scan: Python packages were not looked up: ")


def test_a_scanner_that_fails_is_quoted(scanners: Scanners, tmp_path: Path) -> None:
    (tmp_path / "pip-audit").write_text("#!/bin/sh\necho 'osv.dev: no route' >&2\nexit 1\n")
    ended = scanners.scan()
    assert ended.returncode == 4
    assert ended.stderr == (
        "scan: Python packages were not looked up: pip-audit: osv.dev: no route\n"
    )


@pytest.mark.parametrize(
    ("scanner", "answer", "line"),
    [
        ("grype", GRYPE, "bash 5.2: CVE-2026-0002, GHSA-0002: no fix is known"),
        ("trivy", TRIVY, "bash 5.2: CVE-2026-0002: fixed in 5.3"),
    ],
)
def test_os_packages_are_looked_up_by_the_scanner_that_is_there(
    scanner: str, answer: Any, line: str, scanners: Scanners
) -> None:
    scanners.add(scanner, answer)
    ended = scanners.scan("--image", "workload:cpu")
    assert (ended.returncode, ended.stderr) == (4, f"scan: {line}\n")
    assert "workload:cpu" in scanners.said("calls")


def test_without_a_scanner_os_packages_fail(scanners: Scanners) -> None:
    ended = scanners.scan("--image", "workload:cpu")
    assert ended.returncode == 4
    assert ended.stderr == (
        "scan: OS packages were not looked up: no scanner: install grype or trivy\n"
    )


def test_an_image_whose_distribution_is_not_recognized_fails(scanners: Scanners) -> None:
    scanners.add("trivy", {"Results": []})
    assert scanners.scan("--image", "workload:cpu").returncode == 4


@pytest.mark.parametrize("text", ["jinja2>=3,<4\n", "-r /etc/passwd\n", "jinja2\n", "a b\n"])
def test_what_is_not_a_lock_gets_one_line(text: str, scanners: Scanners) -> None:
    scanners.lock.write_text(text)
    ended = scanners.scan()
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "lock.txt" in ended.stderr


def test_a_lock_that_is_not_there_gets_one_line(scanners: Scanners) -> None:
    scanners.lock.unlink()
    ended = scanners.scan()
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "No such file" in ended.stderr


def test_nothing_to_look_up_is_refused(scanners: Scanners) -> None:
    scanners.lock.write_text("# nothing\n")
    ended = scanners.scan()
    assert (ended.returncode, ended.stderr) == (2, "scan: the lock files pin no packages\n")


def test_an_exception_holds_for_one_package_until_its_date(tmp_path: Path) -> None:
    path = tmp_path / "known.toml"
    path.write_text(EXCEPTION)
    assert exceptions(path, date(2026, 12, 30)) == {("GHSA-0001", "jinja2")}
    assert exceptions(path, date(2026, 12, 31)) == set()


@pytest.mark.parametrize(("expires", "code"), [("2999-01-01", 0), ("2001-01-01", 4)])
def test_a_vulnerability_passes_while_its_exception_holds(
    expires: str, code: int, scanners: Scanners, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanners.add("pip-audit", FOUND, code=1)
    path = tmp_path / "known.toml"
    path.write_text(EXCEPTION.replace("2026-12-31", expires))
    monkeypatch.setattr(scan, "EXCEPTIONS", path)
    monkeypatch.setattr("sys.argv", ["scan.py", str(scanners.lock)])
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert scan.main() == code


@pytest.mark.parametrize("line", ['package = "jinja2"', "expires = 2026-12-31", "reason ="])
def test_an_exception_needs_all_its_fields(line: str, tmp_path: Path) -> None:
    path = tmp_path / "known.toml"
    path.write_text("\n".join(one for one in EXCEPTION.splitlines() if line not in one))
    with pytest.raises(ValueError, match=r"GHSA-0001 needs package, reason and expires \(a date\)"):
        exceptions(path, date(2026, 1, 1))


def test_the_projects_own_exceptions_can_be_read() -> None:
    exceptions(ROOT / "docker/release/known-vulnerabilities.toml", date(2026, 1, 1))
