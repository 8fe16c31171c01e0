"""Prove the project on a machine with one NVIDIA GPU. Usage: docker/host/gpu-proof [--smoke]

Every step has its share of the budget, and a step that fails or hangs does not stop the others.
What they leave is written into a folder as they go and packed last. No setting of the GPU is
changed. Exit code 0: all steps that apply passed; 2: bad options; 3: wrong numbers; 4: a step
failed or could not run; 5: slower than a target; 6: not all could be written; 130, 143: ended by a
signal.
"""

import argparse
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[2])  # tests, for tools; not this folder
sys.path.append(str(Path(__file__).parents[3]))  # workload, where it is not installed

from tools.gpu_proof import packages
from tools.gpu_proof.arguments import Parser
from tools.gpu_proof.folder import NAME, Folder
from tools.gpu_proof.plan import DISTRIBUTIONS, SMOKE_SEC, Options, steps
from tools.gpu_proof.proof import (
    Proof,
    Stopped,
    accept_any_text,
    ignore_signals,
    print_line,
    start_event,
    stop_on_signals,
)

from workload.core.errors import BadInputError, ExitCode, UnfitError, WorkloadError

BUDGET_SEC = 600.0
MIN_BUDGET_SEC, MAX_BUDGET_SEC = 60.0, 86400.0


def main() -> int:
    """Run the proof and return its exit code."""
    accept_any_text()
    try:
        arguments = parse()
        options = Options(arguments.device, arguments.budget, arguments.smoke)
        folder = Folder(arguments.out)
        scratch = make_scratch()
    except WorkloadError as error:
        print(f"gpu-proof: {error}", file=sys.stderr)
        return error.exit_code
    try:
        return prove(options, folder, scratch, arguments.wheels)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def parse() -> argparse.Namespace:
    """Return the options. Raises BadInputError."""
    parser = Parser(prog="gpu-proof", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="the least of every step")
    parser.add_argument(
        "--budget", type=float, help="seconds for all steps (600; 117 with --smoke)"
    )
    parser.add_argument("--out", type=Path, help="a new folder (results/gpu-proof-TIME)")
    parser.add_argument("--wheels", type=Path, help="a folder of wheels of missing packages")
    parser.add_argument(
        "--device", choices=("cuda", "cpu"), default="cuda", help="cpu: rehearse on the CPU"
    )
    arguments = parser.parse_args()
    if arguments.budget is None:
        arguments.budget = SMOKE_SEC if arguments.smoke else BUDGET_SEC
    if not MIN_BUDGET_SEC <= arguments.budget <= MAX_BUDGET_SEC:  # also not a number
        limits = f"{MIN_BUDGET_SEC:.0f} to {MAX_BUDGET_SEC:.0f} seconds"
        raise BadInputError(f"BUDGET={arguments.budget:g} is out of range: {limits}")
    if arguments.out is None:
        arguments.out = Path("results") / f"{NAME}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    return arguments


def make_scratch() -> Path:
    """Create a folder for what the steps write. Raises UnfitError."""
    try:
        return Path(tempfile.mkdtemp(prefix=f"{NAME}-"))
    except OSError as error:
        reason = error.strerror or error
        raise UnfitError(f"no temporary folder can be made: {reason}; set TMPDIR=") from error


def prove(options: Options, folder: Folder, scratch: Path, wheels: Path | None) -> int:
    """Take all steps, pack the folder, and say where it is."""
    stop_on_signals()
    proof = Proof(folder, scratch)
    try:
        folder.event("began", **start_event(options.device, options.budget_sec, options.smoke))
        provide(folder, wheels, scratch / "site")
        with suppress(ImportError):  # of msgspec, without which no step knows a name or a secret
            from workload.doctor.redaction import redaction  # noqa: PLC0415

            folder.redaction = redaction(os.environ)
        proof.run(steps(options, scratch))
        code = proof.exit_code
    except Stopped as stopped:
        code = stopped.code
    ignore_signals()
    folder.event("finished", exit_code=int(code))
    archive = folder.pack()
    if archive:
        print_line(f"archive  {archive} (check its content before you send it)")
        print_line(f"read it  make gpu-proof-read FILE={archive}")
    if folder.problem:
        print(f"gpu-proof: not all was written: {folder.problem}; free space", file=sys.stderr)
        code = code or ExitCode.NOT_SAVED
    return int(code)


def provide(folder: Folder, wheels: Path | None, target: Path) -> None:
    """Install what is missing, and say in one line what stays missing."""
    problem = packages.install(wheels, target) if wheels else None
    lacking = [DISTRIBUTIONS[module] for module in packages.missing(DISTRIBUTIONS)]
    if not lacking and not problem:
        return
    words = [problem] if problem else []
    if lacking:
        words.append(
            f"{', '.join(lacking)} not installed: set a folder with their wheels with WHEELS="
        )
    folder.event("lacking", packages=lacking, problem=problem)
    print(f"gpu-proof: {'; '.join(words)}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
