"""The commands: each takes the session, does its work and returns the exit code."""
