"""Start `ends.py` on ranks of this machine: RANKS RESTARTS ARGUMENTS..."""

import sys
from pathlib import Path

from workload.core.errors import WorkloadError
from workload.core.garbage import without_garbage_collection

with without_garbage_collection():  # saves each process 0.35 s, as in the command line
    from workload.distributed.launch import Launch, launch


def main(ranks: str, restarts: str, *arguments: str) -> int:
    program = str(Path(__file__).with_name("ends.py"))
    try:
        return launch((program, *arguments), Launch(int(ranks), max_restarts=int(restarts)))
    except WorkloadError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
