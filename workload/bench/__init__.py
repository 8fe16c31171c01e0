"""Time operations: what is measured, how, and whether the result is right."""
