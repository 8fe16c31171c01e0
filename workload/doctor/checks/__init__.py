"""The checks of `workload doctor` with their texts, one module for each topic."""
