"""Time operations, and check that their results are right."""
