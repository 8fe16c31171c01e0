"""Starts the command line; where it cannot be imported, one line says why.

Python 3.7 can read this file, to say that it is too old.
"""

import sys

OLDEST = (3, 11)
UNFIT, INTERRUPTED = 4, 130  # of workload/core/errors.py


def main() -> int:
    """Run the command line."""
    if sys.version_info < OLDEST:
        found, wanted = (".".join(map(str, version[:2])) for version in (sys.version_info, OLDEST))
        return _refuse(f"this is Python {found}: use {wanted} or newer")
    try:
        from workload.cli.main import main as run  # noqa: PLC0415  imports what may be broken
    except KeyboardInterrupt:
        return INTERRUPTED
    except (Exception, SystemExit) as error:  # a file in a library's place raises anything
        from workload.core.imports import import_problem  # noqa: PLC0415  for a Python that knows it

        return _refuse(import_problem(error))
    return run()


def _refuse(reason: str) -> int:
    sys.stderr.write(f"workload: {reason}\n")
    return UNFIT


if __name__ == "__main__":
    raise SystemExit(main())
