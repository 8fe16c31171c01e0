"""`workload doctor --bundle`: what a bug report needs, in one file without secrets."""

import os
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from workload.cli.console import laid_out
from workload.cli.session import Session
from workload.core import files, records
from workload.core.errors import ExitCode, NotSavedError
from workload.core.files import write_atomically
from workload.core.models.facts import Facts
from workload.core.models.finding import Finding
from workload.core.models.model import as_json, from_json
from workload.core.places import fix_of
from workload.doctor.bundle import archive, is_bundle, texts
from workload.doctor.redaction import redaction
from workload.report.terminal import findings as findings_text
from workload.report.terminal.facts_table import facts_table

MAX_BUNDLE_BYTES = 64 << 20  # a thousand times the usual size
PRIVATE = 0o600


def require_replaceable(path: Path) -> None:
    """Raise BadInputError if `path` exists and is not an earlier bundle."""
    files.require_replaceable(path, MAX_BUNDLE_BYTES, is_bundle, "--bundle", "bundle")


def save(
    session: Session, path: Path, facts: Facts, findings: Sequence[Finding], code: ExitCode
) -> ExitCode:
    """Write the bundle and print its path; return `code`, or NOT_SAVED instead of OK."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, archive(members(session, facts, findings, code)), PRIVATE)
    except OSError as error:
        refusal = NotSavedError(
            f"the bundle could not be written to {path}: {error.strerror or error}; "
            f"{fix_of(error, path.parent, '--bundle')}"
        )
        session.error(str(refusal))
        return code or refusal.exit_code
    session.info(f"bundle  {path} (check its content before you send it)")
    return code


def members(
    session: Session, facts: Facts, findings: Sequence[Finding], code: ExitCode
) -> dict[str, str]:
    """Return file name -> text, redacted before a table could break a secret into two lines."""
    hide = redaction(os.environ)
    ended = hide.value(as_json(session.builder.as_ended(code, None)))
    redacted = [from_json(Finding, hide.value(as_json(finding))) for finding in findings]
    shown: list[str | Table] = [*findings_text.report(redacted), ""]
    shown.append(facts_table(hide.value(as_json(facts))))
    return {
        "record.json": records.dump(ended).decode(),
        "doctor.txt": "".join(f"{_text(one)}\n" for one in shown),
        **{name: hide.text(text) for name, text in texts(facts).items()},
    }


def _text(one: str | Table) -> str:
    return one if isinstance(one, str) else laid_out(one, None)
