"""Lets `python -m workload` do what `workload` does."""

from workload.cli.main import main

raise SystemExit(main())
