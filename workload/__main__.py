"""Start the command line; if it cannot be imported, print the reason in one line.

This file also runs on Python 3.7, so that it can report that Python is too old.
"""

import sys

OLDEST = (3, 11)
UNFIT, INTERRUPTED = 4, 130  # as in workload/core/errors.py


def main() -> int:
    """Run the command line."""
    if sys.version_info < OLDEST:
        found, wanted = (".".join(map(str, version[:2])) for version in (sys.version_info, OLDEST))
        return _refuse(f"this is Python {found}: use {wanted} or newer")
    try:
        from workload.cli.main import main as run  # noqa: PLC0415  its imports may fail
    except KeyboardInterrupt:
        return INTERRUPTED
    except (Exception, SystemExit) as error:  # a file that shadows a library can raise anything
        from workload.core.imports import import_problem  # noqa: PLC0415  too new for Python 3.7

        return _refuse(import_problem(error))
    return run()


def _refuse(reason: str) -> int:
    sys.stderr.write(f"workload: {reason}\n")
    return UNFIT


if __name__ == "__main__":
    raise SystemExit(main())
