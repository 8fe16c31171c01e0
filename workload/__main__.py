"""Lets `python -m workload` do what `workload` does."""

from workload.cli import main

raise SystemExit(main())
