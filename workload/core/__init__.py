"""Errors, units, statistics, results and records: pure Python, without torch."""
