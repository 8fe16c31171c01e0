"""The commands: each takes the session and its options, and returns the exit code."""
