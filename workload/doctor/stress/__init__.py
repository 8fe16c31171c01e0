"""Stress one device for minutes: `workload doctor --deep`."""
