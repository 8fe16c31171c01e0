"""Stress one device for several minutes: `workload doctor --deep`."""
