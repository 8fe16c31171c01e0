"""The command line with a brief measurement of the device's limits, for tests that need a process.

Run as a script: python brief_limits.py matmul --sizes 64
"""

import sys

from workload.cli.commands import matmul, measuring
from workload.cli.main import main

BRIEF_SEC = 0.1

if __name__ == "__main__":
    measuring.MAX_LIMITS_SEC = BRIEF_SEC
    matmul.with_best_threads = lambda device: device
    sys.exit(main())
