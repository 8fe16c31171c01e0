"""Load one device for minutes: `workload doctor --deep`."""
